#include "cli/model_options.h"

#include "base/error.h"
#include "cli/device.h"
#include "cli/long_options.h"

namespace msmodelslim {

CLI::Validator positive() { return CLI::Range(1, 1 << 30).description(""); }

void ModelOptions::declare_model(CLI::App& app) {
  add_option(app, "model", model_, "DIR", "float model folder, same as --model_path");
  add_option(app, "--model_path", model_path_, "DIR", "float model folder");
  add_option(app, "--model_type", model_type_, "NAME",
             "name in the support matrix (default: found from the model folder)");
}

void ModelOptions::declare_machine(CLI::App& app, std::optional<int>& threads) {
  add_option(app, "--device", device_, "auto|cpu|npu[:i,j]",
             "where to compute; the result does not depend on it");
  add_option(app, "--trust_remote_code", trust_remote_code_, "True|False",
             "accepted; nothing of the model folder is ever executed");
  add_option(app, "--threads", threads, "N", "CPU threads (default: all that this process may use)")
      ->check(positive());
}

std::string ModelOptions::folder() const {
  const std::string& folder = model_path_.empty() ? model_ : model_path_;
  if (folder.empty()) throw UsageError("no model folder is given", "add --model_path DIR");
  if (!model_.empty() && model_ != folder)
    throw UsageError(
        fmt::format("two model folders are given: '{}' and --model_path '{}'", model_, folder),
        "put the words of a list before another option, or drop one folder");
  parse_device(device_);
  parse_bool_option("--trust_remote_code", trust_remote_code_);
  return folder;
}

std::optional<std::string> ModelOptions::type() const {
  if (model_type_.empty()) return std::nullopt;
  return model_type_;
}

}  // namespace msmodelslim
