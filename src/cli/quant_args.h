#pragma once
// Options of `msmodelslim quant`.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/device.h"
#include "recipe/quant_type.h"

namespace msmodelslim {

// How the result is proven: during the run, also by loading the folder afterwards, or not at all.
enum class Verify { kQuick, kFull, kNone };

// One recipe of several, and where its result goes.
struct QuantTarget {
  std::string save_path;
  std::optional<QuantType> quant_type;
  std::optional<std::string> config_path;
};

struct QuantArgs {
  std::string model_path;
  std::string save_path;  // the first, as quant_type and config_path
  std::vector<QuantTarget> others;
  Device device;
  std::optional<std::string> model_type;
  std::optional<QuantType> quant_type;
  std::optional<std::string> config_path;
  std::optional<std::string>
      save_format;                 // ascendv1 or compressed_tensors, instead of the recipe's
  bool trust_remote_code = false;  // accepted; nothing of a model folder is ever executed
  bool debug = false;
  std::vector<std::string> tags;
  bool yes = false;  // answers every question with yes
  std::optional<std::string> calib_dataset;
  std::vector<std::string> calib_texts;          // of the traditional way: instead of a set
  std::optional<std::int64_t> calib_characters;  // texts are cut into samples of so many
  std::optional<std::int64_t> calib_samples;
  std::optional<std::int64_t> calib_tokens;
  std::string stats_out;  // a file that keeps what calibration gathers; "": none
  std::string stats_in;   // one that is taken instead of calibrating; "": none
  std::string expert_fallback = "all_tokens";
  std::int64_t expert_min_tokens = 1;
  std::vector<std::string> exclude;  // more patterns of modules that stay float
  Verify verify = Verify::kQuick;
  bool sha256 = false;           // of the files read and written, in the report
  std::optional<double> max_kl;  // a worse result ends with exit code 1
  bool overwrite = false;
  bool dry_run = false;  // print the plan and what would stop the run; make nothing
  bool json = false;     // of --dry_run
  bool restart = false;  // an unfinished run of another command is thrown away
  bool strict = false;
  std::optional<int> threads;
  std::optional<std::uint64_t> max_memory;  // bytes
  std::string scratch_dir;                  // for what does not fit; "": beside the result
  std::uint64_t seed = 42;
  std::string compute_dtype = "auto";
  bool quiet = false;
  bool help = false;  // -h was given: print quant_help() and stop; the rest is not checked
};

// `args` are the words behind "quant". UsageError for everything that is wrong, with the nearest
// option for an unknown one.
QuantArgs parse_quant_args(const std::vector<std::string>& args);

std::string quant_help();

// The arguments of each recipe, as if it had been given alone.
std::vector<QuantArgs> each_recipe(const QuantArgs& args);

}  // namespace msmodelslim
