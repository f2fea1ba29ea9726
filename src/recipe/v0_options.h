#pragma once
// The arguments of the script-driven quantizer (modelslim_v0): those of its YAML form and of the
// scripts' command lines. resolve_v0() checks them as a whole and fills in what follows from them;
// v0_steps() translates them to the entries of a plan.
// Reference: traditional-v0, sections 2, 3 and 4.

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace msmodelslim {

// anti_cfg: outlier suppression before quantization.
struct V0Anti {
  std::string method;  // m1 .. m6
  int w_bit = 8;       // m3: what its search simulates
  int a_bit = 8;
  bool w_sym = true;
  std::vector<std::string> disable_names;  // linears whose group is left alone; m3, m4, m6
  std::optional<double> alpha;             // m6; absent: searched
  std::optional<double> beta;
  bool operator==(const V0Anti&) const = default;
};

struct V0Options {
  int w_bit = 8;
  int a_bit = 8;
  int act_method = 1;                      // 1: minmax, 2: histogram, 3: per linear
  std::string w_method = "MinMax";         // MinMax, GPTQ, HQQ
  std::vector<std::string> disable_names;  // exact module names kept float; each must exist
  double pr = 1;
  bool mm_tensor = true;  // one weight scale per tensor, not per output row
  double fraction = 0.01;
  bool nonuniform = false;
  bool co_sparse = false;
  bool w_sym = true;
  bool is_lowbit = false;
  bool do_smooth = false;
  bool use_sigma = false;
  double sigma_factor = 3;
  bool disable_last_linear = true;  // keep the last linear of the model (the head) float
  bool use_kvcache_quant = false;
  bool use_fa_quant = false;
  bool use_reduce_quant = false;  // MindIE sends 8-bit values between devices
  bool open_outlier = true;
  bool is_dynamic = false;
  int group_size = 64;
  double percdamp = 0.01;
  bool pdmix = false;
  std::string disable_level = "L0";
  std::vector<std::pair<std::string, std::string>> mix_cfg;  // pattern -> type, the first wins
  std::optional<V0Anti> anti;
  std::string anti_dataset;           // empty: the calibration set
  std::optional<int> part_file_size;  // GiB; absent: one file
  std::string safetensors_name;       // without .safetensors; empty: from the type
  bool mindie = false;                // the layout of old MindIE versions
  double disable_threshold = 0;     // > 0: of disable_names only those that score above stay float
  bool rot = false;                 // rotate the residual stream first
  bool mixes = false;               // mix_cfg may name 8-bit types beside w_bit 4
  std::string says_type;            // model_quant_type as written; empty: the type
  std::string fa_type = "FAQuant";  // fa_quant_type as written
  std::vector<std::pair<std::string, std::string>> config_marks;  // more keys of config.json

  // Filled in by resolve_v0().
  std::string type;      // W8A8, W8A8_MIX, W4A16, ...
  int level = 0;         // of disable_level: so many linears stay float
  int weight_group = 0;  // columns that share a weight scale; 0: the row
  // Filled in by the statistics of the calibration set, where act_method or disable_level ask.
  std::vector<std::string> rolled_back;                // linears that disable_level keeps float
  std::optional<std::vector<std::string>> histograms;  // act_method 3: linears with a histogram

  std::string written_type() const;  // as the files name it: old MindIE has no W8A8_MIX
  std::string stem() const;          // of the weight files
  bool needs_statistics() const { return level > 0 || act_method == 3 || disable_threshold > 0; }
  bool operator==(const V0Options&) const = default;
};

// Tells about a value that cannot be: its field and what is wrong with it.
using V0Problem = std::function<void(const std::string& field, const std::string& reason)>;

void resolve_v0(V0Options* options, const V0Problem& problem);

// What the options say without effect, or in a way that surprises.
std::vector<std::string> v0_warnings(const V0Options& options);

}  // namespace msmodelslim
