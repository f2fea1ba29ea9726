#pragma once
// What `analyze` and `tune` both take: the model folder, and where and how to compute.

#include <CLI/CLI.hpp>
#include <optional>
#include <string>

namespace msmodelslim {

// An option whose later repetitions override earlier ones.
template <typename T>
CLI::Option* add_option(CLI::App& app, const char* name, T& target, const char* type,
                        const std::string& text) {
  return app.add_option(name, target, text)
      ->type_name(type)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
}

CLI::Validator positive();

class ModelOptions {
 public:
  void declare_model(CLI::App& app);
  void declare_machine(CLI::App& app, std::optional<int>& threads);
  // After parsing. UsageError for no folder, two of them, or a device that cannot be understood.
  std::string folder() const;
  std::optional<std::string> type() const;

 private:
  std::string model_;
  std::string model_path_;
  std::string model_type_;
  std::string device_ = "auto";
  std::string trust_remote_code_ = "False";
};

}  // namespace msmodelslim
