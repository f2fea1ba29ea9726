#pragma once
// The families of the traditional way: which arguments each script of the Python tool takes, their
// defaults, and which layers it keeps float when the user does not say.
// Reference: traditional-v0, sections 1.2, 1.5 and 1.8.

#include <string>
#include <vector>

#include "recipe/v0_options.h"

namespace msmodelslim {

struct Family {
  std::string name;                      // as on the command line: qwen
  std::string script;                    // example/Qwen/quant_qwen.py
  std::vector<std::string> lacks;        // rows of traditional_arguments() that it does not take
  std::vector<std::string> model_types;  // the first is the default; empty: no such argument
  int part_file_size = 0;                // GiB; 0: one file
  std::string calib_file = "example/common/teacher_qualification.jsonl";
  int act_method = 1;
  std::string rollback;  // in words, for --help
  std::string recipes;   // example arguments, for --help
  // Set for scripts that fix what they do: all arguments that they take.
  std::vector<std::string> own = {};
  std::string anti_file = {};  // their default
  bool is_script() const { return !own.empty(); }
  bool takes(const struct TraditionalArgument& row) const;
};

const std::vector<Family>& traditional_families();

// The family of a name or of a script's path; UsageError names the known ones.
const Family& find_family(const std::string& name_or_script);

struct TraditionalArgument {
  std::string name;
  std::string type;  // bool, int, real, text, texts, flag
  std::string fallback;
  std::string meaning;
  bool of_scripts = false;  // families without arguments of their own do not have it
};

// All arguments of the scripts, in their order.
const std::vector<TraditionalArgument>& traditional_arguments();

// Layers kept float when --disable_names is absent. `layers`: so many, from the first.
std::vector<std::string> default_rollback(const Family& family, const std::string& model_type,
                                          const std::string& model_name, int a_bit, int layers);

// What --anti_method means in this family.
V0Anti anti_of(const Family& family, const std::string& model_type, const std::string& method,
               const V0Options& options, int layers);

}  // namespace msmodelslim
