#include "pipeline/journal.h"

#include <algorithm>

#include "base/error.h"
#include "base/files.h"
#include "base/output_folder.h"
#include "checkpoint/safetensors.h"

namespace msmodelslim {
namespace {

constexpr int kVersion = 1;
constexpr const char* kFile = "journal.json";
constexpr double kMostShare = 0.01;  // of the run's time for saving

DataError damaged(const std::string& path) {
  return DataError(fmt::format("{}: the journal of the unfinished run is damaged", path),
                   "give --restart to begin again");
}

}  // namespace

Journal::Journal(const std::string& working, Json run, double pause)
    : folder_(unfinished_folder(working)), run_(std::move(run)), least_pause_(pause) {}

std::string Journal::path(const std::string& file) const {
  return (fs::path(folder_) / file).string();
}

bool Journal::found() const {
  if (!fs::exists(path(kFile))) return false;
  Json journal;
  try {
    journal = read_json_file(path(kFile));
  } catch (const DataError&) {
    throw damaged(path(kFile));
  }
  if (!journal.is_object() || journal.value("version", Json()) != kVersion ||
      !journal.contains("state") || !journal.value("run", Json()).is_object())
    throw damaged(path(kFile));
  std::string differences;
  for (const auto& [part, hash] : run_.items())
    if (journal["run"].value(part, Json()) != hash)
      differences += (differences.empty() ? "" : ", ") + part;
  if (!differences.empty())
    throw UsageError(fmt::format("{} holds the unfinished run of another command: {} differ",
                                 fs::path(folder_).parent_path().string(), differences),
                     "repeat that command to go on with it, or give --restart to throw it away");
  return true;
}

std::size_t Journal::next_block() const {
  const Json journal = read_json_file(path(kFile));
  const Json& state = journal.at("state");
  if (!state.is_object() || !state.value("next_block", Json()).is_number_unsigned())
    throw damaged(path(kFile));
  return state["next_block"].get<std::size_t>();
}

Json Journal::read(const std::vector<NamedValues>& values) {
  Json journal = read_json_file(path(kFile));
  values_file_ = journal.value("values", "");
  saved_ = true;
  if (!values_file_.empty()) {
    const SafetensorsFile saved(path(values_file_));
    for (const NamedValues& wanted : values) {
      if (wanted.values->empty()) continue;
      const auto entry = std::find_if(saved.entries().begin(), saved.entries().end(),
                                      [&](const auto& e) { return e.name == wanted.name; });
      if (entry == saved.entries().end()) throw damaged(saved.path());
      const TensorView view = saved.view(*entry);
      if (view.dtype != DType::kF32 ||
          view.count() != static_cast<std::int64_t>(wanted.values->size()))
        throw damaged(saved.path());
      to_f32(view, wanted.values->data());
    }
  }
  return journal.at("state");
}

bool Journal::due() const {
  return std::chrono::duration<double>(Clock::now() - last_).count() >= pause_;
}

void Journal::save(std::int64_t step, const std::function<Json()>& state,
                   const std::vector<NamedValues>& values) {
  const auto start = Clock::now();
  Json found = state();
  fs::create_directories(folder_);
  std::vector<NamedTensor> tensors;
  for (const NamedValues& value : values)
    if (!value.values->empty())
      tensors.push_back({value.name,
                         {DType::kF32,
                          {static_cast<std::int64_t>(value.values->size())},
                          reinterpret_cast<const std::byte*>(value.values->data())}});
  const std::string old = values_file_;
  values_file_.clear();
  if (!tensors.empty()) {
    values_file_ = fmt::format("values-{}.safetensors", step);
    write_safetensors(path(values_file_), std::move(tensors));
    sync_path(path(values_file_));
  }
  const Json journal = {
      {"version", kVersion}, {"run", run_}, {"values", values_file_}, {"state", std::move(found)}};
  write_file_atomic(path(kFile), journal.dump());
  sync_path(folder_);
  saved_ = true;
  if (!old.empty() && old != values_file_) fs::remove(path(old));
  last_ = Clock::now();
  const double took = std::chrono::duration<double>(last_ - start).count();
  pause_ = std::max(least_pause_, took / kMostShare);
}

void explain_damage(const std::function<void()>& resume) {
  const auto give_up = [](const std::exception& error) {
    throw DataError(fmt::format("the unfinished run is damaged: {}", error.what()),
                    "start the same command again; it begins anew");
  };
  try {
    resume();
  } catch (const Json::exception& error) {
    give_up(error);
  } catch (const DataError& error) {
    give_up(error);
  } catch (const fs::filesystem_error& error) {
    give_up(error);
  }
}

ResourceError with_kept(const ResourceError& error, const std::string& kept) {
  return ResourceError(
      fmt::format("{}. What was done is kept in {}", error.what(), kept),
      fmt::format("{}{}start the same command again to go on, or with --restart to begin anew",
                  error.remedy(), error.remedy().empty() ? "" : "; then "));
}

}  // namespace msmodelslim
