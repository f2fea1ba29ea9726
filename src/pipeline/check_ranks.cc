#include "pipeline/check_ranks.h"

#include <algorithm>

#include "base/error.h"
#include "base/files.h"
#include "base/json.h"
#include "kernels/processor_kind.h"
#include "pipeline/fingerprint.h"
#include "pipeline/statistics_file.h"

namespace msmodelslim {
namespace {

// Names and sizes of the files: copies on other machines have other paths and times.
Json model_files(const std::string& folder) {
  Json files = Json::object();
  for (const auto& item :
       fs::directory_iterator(folder, fs::directory_options::follow_directory_symlink))
    if (item.is_regular_file()) files[item.path().filename().string()] = item.file_size();
  return files;
}

std::string differences(const Json& mine, const Json& first) {
  std::string names;
  for (const auto& [part, value] : first.items())
    if (mine.value(part, Json()) != value) names += (names.empty() ? "" : ", ") + part;
  return names;
}

}  // namespace

void check_ranks(const QuantJob& job) {
  if (job.ranks->alone()) return;
  Json mine = fingerprint(job);
  mine["model"] = model_files(job.model_path);
  mine["kind of processor"] = processor_kind();
  if (!job.stats_in.empty())
    mine["file of statistics"] = {StatisticsFile(job.stats_in).header(),
                                  fs::file_size(job.stats_in)};
  ByteWriter writer;
  writer.text(mine.dump());
  const std::vector<Bytes> all = job.ranks->gather(writer.take());
  const Json first = Json::parse(ByteReader(all.front()).text());
  for (std::size_t rank = 1; rank < all.size(); ++rank) {
    const std::string names = differences(Json::parse(ByteReader(all[rank]).text()), first);
    if (names.empty()) continue;
    throw UsageError(
        fmt::format("rank {} and rank 0 do not work on the same: {} differ", rank, names),
        "the result would not be that of one machine; give every rank the same program, model "
        "files, recipe, options and calibration set, on processors of one kind");
  }
}

}  // namespace msmodelslim
