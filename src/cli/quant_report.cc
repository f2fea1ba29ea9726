#include "cli/quant_report.h"

#include "base/files.h"
#include "base/threads.h"
#include "base/warnings.h"
#include "cli/report_lists.h"
#include "report/report_page.h"
#include "report/run_facts.h"

namespace msmodelslim {
namespace {

Json proof_json(const QuantJob& job, const QuantSummary& summary,
                const std::optional<Proof>& full) {
  if (!full && !summary.proof) return nullptr;
  Json json = Json::object();
  const auto fill = [&](const auto& proof) {
    json["kl"] = proof.kl.mean;
    json["kl_error"] = proof.kl.error;
    json["perplexity"] = proof.perplexity;
    json["float_perplexity"] = proof.float_perplexity;
    json["top1_agreement"] = proof.top1_agreement;
  };
  if (summary.proof) {
    json["tokens"] = summary.proof->tokens;
    fill(*summary.proof);
    json["block_errors"] = summary.proof->block_errors;
    json["worst"] = worst_json(*summary.proof, job);
  }
  if (full) fill(*full);
  return json;
}

}  // namespace

Json quant_report(const QuantJob& job, const QuantSummary& summary, const ModelSpec& model,
                  const std::optional<Proof>& full_proof, const RunFiles& files) {
  const Json details = summary.details.json();
  Json blocks = Json::array();
  for (const BlockTime& time : summary.timeline)
    blocks.push_back({{"seconds", time.seconds}, {"bytes", time.bytes}});
  return {{"version", MSMODELSLIM_VERSION},
          {"date", report_date()},
          {"model",
           {{"name", folder_name(job.model_path)},
            {"path", job.model_path},
            {"architecture", model.architecture},
            {"dtype", dtype_name(model.dtype)},
            {"bytes", summary.bytes_before},
            {"files", files.source}}},
          {"recipe",
           {{"config_id", job.plan.config_id},
            {"text", job.recipe_text.empty() ? job.request : job.recipe_text}}},
          {"output",
           {{"folder", summary.folder},
            {"bytes", summary.bytes_after},
            {"tensors_xxh3_128", summary.tensors_hash.text()},
            {"files", files.written}}},
          {"environment",
           {{"cpu", cpu_name()}, {"threads", thread_count()}, {"peak_bytes", summary.peak_bytes}}},
          {"time",
           {{"wall_seconds", summary.wall_seconds},
            {"cpu_seconds", summary.cpu_seconds},
            {"write_wait_seconds", summary.write_wait_seconds},
            {"disk_reads", summary.disk_reads},
            {"blocks", std::move(blocks)}}},
          {"calibration_tokens", summary.calibration_tokens},
          {"passes", job.passes},
          {"resumed_blocks", summary.resumed_blocks},
          {"quantized", summary.quantized},
          {"linears_total", summary.linears},
          {"linears", linears_json(summary.notes)},
          {"inputs", details.at("inputs")},
          {"static_inputs", details.at("static_inputs")},
          {"scales", details.at("scales")},
          {"experts", experts_json(summary.expert_tokens, model)},
          {"proof", proof_json(job, summary, full_proof)},
          {"warnings", logged_warnings()}};
}

void write_quant_report(const Json& report, const std::string& folder) {
  const auto path = [&](const char* file) { return (fs::path(folder) / file).string(); };
  write_file_atomic(path("quant_report.json"), report.dump(2));
  write_file_atomic(path("quant_report.html"), report_page(report));
}

}  // namespace msmodelslim
