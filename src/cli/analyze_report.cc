#include "cli/analyze_report.h"

#include "base/error.h"
#include "base/files.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/threads.h"
#include "base/usage.h"
#include "base/warnings.h"
#include "report/report_page.h"
#include "report/run_facts.h"

namespace msmodelslim {
namespace {

const char* scope_name(AnalyzeScope scope) {
  switch (scope) {
    case AnalyzeScope::kLinear:
      return "linear";
    case AnalyzeScope::kLayer:
      return "layer";
    case AnalyzeScope::kAttention:
      return "attn";
  }
  return "";
}

Json dataset_json(const std::string& name, const std::vector<std::vector<std::int32_t>>& samples) {
  std::size_t tokens = 0;
  std::string bytes;
  for (const auto& sample : samples) {
    tokens += sample.size();
    bytes.append(reinterpret_cast<const char*>(sample.data()),
                 sample.size() * sizeof(std::int32_t));
    bytes += '\n';
  }
  return {{"name", name},
          {"samples", samples.size()},
          {"tokens", tokens},
          {"xxh3", fmt::format("{:016x}", hash_bytes(bytes.data(), bytes.size()))}};
}

std::string exclude_text(const std::vector<LayerScore>& scores, std::size_t shown, bool blocks) {
  std::string text = "exclude:\n";
  for (std::size_t i = 0; i < shown; ++i)
    text += fmt::format("  - '{}'\n", exclude_pattern(scores[i].name, blocks));
  return text;
}

}  // namespace

std::string report_stem(const std::string& path) {
  fs::path stem(path);
  if (stem.extension() == ".json" || stem.extension() == ".html") stem.replace_extension();
  const fs::path folder = stem.has_parent_path() ? stem.parent_path() : fs::path(".");
  if (!fs::is_directory(folder) || stem.filename().empty())
    throw UsageError(
        fmt::format("--output_path {}: {} is no folder", path,
                    stem.filename().empty() ? path + " names no file, or it" : folder.string()),
        "make the folder, or name a file in one that exists");
  return stem.string();
}

Json analysis_report(const AnalyzeArgs& args, const ModelConfig& config,
                     const std::vector<std::vector<std::int32_t>>& samples,
                     const std::vector<LayerScore>& scores) {
  Json rows = Json::array();
  for (const LayerScore& score : scores)
    rows.push_back({{"name", score.name},
                    {"score", score.score},
                    {"error", args.metric == "kl" ? Json(score.error) : Json(nullptr)}});
  const std::size_t shown = shown_count(scores, static_cast<std::size_t>(args.topk));
  const bool tries = args.scope == AnalyzeScope::kLayer || args.metric == "kl";
  return {
      {"kind", "analysis"},
      {"version", MSMODELSLIM_VERSION},
      {"date", report_date()},
      {"model",
       {{"name", folder_name(args.model_path)},
        {"path", args.model_path},
        {"architecture", config.architecture()}}},
      {"scope", scope_name(args.scope)},
      {"method", args.metric},
      {"patterns", args.patterns},
      {"probe", tries ? Json(args.probe) : Json(nullptr)},
      {"dataset", dataset_json(args.calib_dataset.value_or("mix_calib.jsonl"), samples)},
      {"scores", std::move(rows)},
      {"exclude", exclude_text(scores, shown, args.scope == AnalyzeScope::kLayer)},
      {"environment",
       {{"cpu", cpu_name()}, {"threads", thread_count()}, {"peak_bytes", peak_private_bytes()}}},
      {"cpu_seconds", cpu_seconds()},
      {"warnings", logged_warnings()}};
}

void write_report(const Json& report, const std::string& stem, const char* logger) {
  write_file_atomic(stem + ".json", report.dump(2));
  write_file_atomic(stem + ".html", report_page(report));
  log_info(logger, "written: {0}.json, {0}.html", stem);
}

}  // namespace msmodelslim
