#pragma once
// The arguments of one family of the traditional way, read from the command line.

#include <optional>
#include <string>
#include <vector>

#include "cli/traditional_families.h"

namespace msmodelslim {

struct TraditionalArgs {
  const Family* family = nullptr;
  std::string model_path;
  std::string save_directory;
  std::string calib_file;  // empty: none
  std::vector<std::string> calib_texts;
  std::string anti_file;
  std::string model_type;
  std::string model_name;
  std::string anti_method;
  std::string device_type;
  std::optional<std::vector<std::string>> disable_names;  // absent: the family's default
  int layer_count = 0;
  // Of scripts.
  bool fa_quant = false;
  bool dynamic = false;
  bool mix_mtp = false;
  bool rot = false;
  bool overwrite = false;
  bool restart = false;
  std::optional<std::uint64_t> max_memory;  // bytes
  std::string scratch_dir;
  bool help = false;  // printed
  V0Options options;  // without disable_names and anti
};

// UsageError for everything that is wrong and can be seen without the model.
TraditionalArgs parse_traditional_args(const std::vector<std::string>& words);

}  // namespace msmodelslim
