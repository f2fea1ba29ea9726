#include "cli/traditional_args.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cstdio>
#include <map>

#include "base/ascii.h"
#include "base/error.h"
#include "base/json.h"
#include "cli/command_line.h"
#include "cli/memory_budget.h"
#include "cli/traditional_scripts.h"
#include "recipe/join_words.h"

namespace msmodelslim {
namespace {

constexpr const char* kRemedy = "msmodelslim traditional FAMILY --help lists the arguments";

// The words behind every argument, as given or by default.
class Values {
 public:
  explicit Values(const Family& family) {
    for (const TraditionalArgument& row : traditional_arguments()) {
      if (!family.takes(row)) continue;
      rows_.push_back(row);
      TraditionalArgument& mine = rows_.back();
      if (row.name == "calib_file") mine.fallback = family.calib_file;
      if (row.name == "act_method") mine.fallback = std::to_string(family.act_method);
      if (row.name == "model_type") mine.fallback = family.model_types.front();
      if (row.name == "calib_dataset") mine.fallback = family.calib_file;
      if (row.name == "anti_dataset") mine.fallback = family.anti_file;
      if (row.name == "anti_method" && family.is_script()) mine.fallback = "m4";
      if (row.name == "part_file_size" && family.part_file_size > 0)
        mine.fallback = std::to_string(family.part_file_size);
    }
  }

  void add_to(CLI::App& app) {
    for (const TraditionalArgument& row : rows_) {
      std::string text = row.meaning;
      if (!row.fallback.empty()) text += fmt::format(" (default {})", row.fallback);
      if (row.type == "flag") {
        app.add_flag("--" + row.name, flags_[row.name], text);
      } else if (row.type == "texts") {
        app.add_option("--" + row.name, lists_[row.name], text)->type_name("TEXT")->expected(1, -1);
      } else {
        texts_[row.name] = row.fallback;
        app.add_option("--" + row.name, texts_[row.name], text)
            ->type_name(row.type == "bool"   ? "True|False"
                        : row.type == "text" ? "TEXT"
                                             : "N")
            ->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
      }
    }
  }

  std::string text(const std::string& name) const {
    const auto it = texts_.find(name);
    return it == texts_.end() ? "" : it->second;
  }
  const std::vector<std::string>& list(const std::string& name) const {
    static const std::vector<std::string> kNone;
    const auto it = lists_.find(name);
    return it == lists_.end() ? kNone : it->second;
  }
  bool flag(const std::string& name) const {
    const auto it = flags_.find(name);
    return it != flags_.end() && it->second;
  }
  bool boolean(const std::string& name, bool absent) const {
    const std::string value = text(name);
    if (value.empty() && texts_.count(name) == 0) return absent;
    if (value == "True") return true;
    if (value == "False") return false;
    throw UsageError(fmt::format("--{} '{}' is neither True nor False", name, value), kRemedy);
  }
  int integer(const std::string& name, int absent) const {
    const std::string value = text(name);
    if (value.empty()) return absent;
    int number = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
    if (error != std::errc() || end != value.data() + value.size())
      throw UsageError(fmt::format("--{} '{}' is no whole number", name, value), kRemedy);
    return number;
  }
  double real(const std::string& name, double absent) const {
    const std::string value = text(name);
    if (value.empty()) return absent;
    double number = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
    if (error != std::errc() || end != value.data() + value.size())
      throw UsageError(fmt::format("--{} '{}' is no number", name, value), kRemedy);
    return number;
  }

 private:
  std::vector<TraditionalArgument> rows_;
  std::map<std::string, std::string> texts_;
  std::map<std::string, std::vector<std::string>> lists_;
  std::map<std::string, bool> flags_;
};

V0Options options_of(const Values& values) {
  V0Options o;
  o.mm_tensor = false;
  o.w_bit = values.integer("w_bit", o.w_bit);
  o.a_bit = values.integer("a_bit", o.a_bit);
  o.act_method = values.integer("act_method", o.act_method);
  o.fraction = values.real("fraction", o.fraction);
  o.co_sparse = values.boolean("co_sparse", o.co_sparse);
  o.do_smooth = values.boolean("do_smooth", o.do_smooth);
  o.use_sigma = values.boolean("use_sigma", o.use_sigma);
  o.sigma_factor = values.real("sigma_factor", o.sigma_factor);
  o.is_lowbit = values.boolean("is_lowbit", o.is_lowbit);
  o.w_sym = values.boolean("w_sym", o.w_sym);
  o.use_kvcache_quant = values.boolean("use_kvcache_quant", o.use_kvcache_quant);
  o.use_fa_quant = values.boolean("use_fa_quant", o.use_fa_quant);
  o.open_outlier = values.boolean("open_outlier", o.open_outlier);
  o.group_size = values.integer("group_size", o.group_size);
  o.is_dynamic = values.boolean("is_dynamic", o.is_dynamic);
  o.disable_last_linear = values.boolean("disable_last_linear", o.disable_last_linear);
  o.pdmix = values.boolean("pdmix", o.pdmix);
  if (!values.text("w_method").empty()) o.w_method = values.text("w_method");
  if (!values.text("disable_level").empty()) o.disable_level = values.text("disable_level");
  o.disable_threshold = values.real("disable_threshold", 0);
  if (!(o.disable_threshold >= 0))
    throw UsageError("--disable_threshold must not be negative", kRemedy);
  o.mindie = values.flag("mindie_format");
  o.use_reduce_quant = values.boolean("use_reduce_quant", false);
  const int part = values.integer("part_file_size", 0);
  if (!values.text("part_file_size").empty()) {
    if (part < 1) throw UsageError("--part_file_size must be at least 1", kRemedy);
    o.part_file_size = part;
  }
  return o;
}

void check_rest(const Values& values) {
  for (const char* name : {"trust_remote_code", "mm_tensor"}) values.boolean(name, false);
  values.integer("tp_size", 1);
  if (values.integer("fa_amp", 0) != 0)
    throw UsageError("--fa_amp chooses attention layers by a rule that is not published",
                     "name them with --disable_names, for example model.layers.0.self_attn");
  const int batch = values.integer("batch_size", 1);
  if (batch < 1 || batch > 16) throw UsageError("--batch_size must be 1 to 16", kRemedy);
  if (values.flag("from_fp8") && values.flag("from_bf16"))
    throw UsageError("--from_fp8 and --from_bf16 exclude each other", kRemedy);
  const std::string json = values.text("tokenizer_args");
  if (!json.empty() && !parse_json(json, "--tokenizer_args").is_object())
    throw UsageError("--tokenizer_args must be a JSON object", kRemedy);
}

void check_choices(const Family& family, const TraditionalArgs& args) {
  if (!family.model_types.empty() && std::find(family.model_types.begin(), family.model_types.end(),
                                               args.model_type) == family.model_types.end())
    throw UsageError(fmt::format("--model_type '{}' is unknown", args.model_type),
                     fmt::format("known values: {}", join_words(family.model_types)));
  if (args.device_type != "cpu" && args.device_type != "npu")
    throw UsageError(fmt::format("--device_type '{}' is neither cpu nor npu", args.device_type),
                     kRemedy);
  if (args.model_path.empty()) throw UsageError("no model folder is given", "add --model_path DIR");
  if (args.save_directory.empty())
    throw UsageError("no folder for the result is given",
                     family.is_script() && family.name != "w4a4" ? "add --save_path DIR"
                                                                 : "add --save_directory DIR");
  if (args.layer_count < 0) throw UsageError("--layer_count must not be negative", kRemedy);
}

// What scripts with arguments of their own fix.
void read_script(const Values& values, TraditionalArgs* args) {
  const std::string& name = args->family->name;
  if (name == "w4a4") {
    args->anti_method = "m6";
    return;
  }
  args->save_directory = values.text("save_path");
  args->calib_file = values.text("calib_dataset");
  args->anti_file = values.text("anti_dataset");
  args->fa_quant = values.flag("fa_quant");
  args->dynamic = values.flag("dynamic");
  if (name != "deepseek_w8a8") args->anti_method = "m4";
  if (args->anti_method != "m4" && args->anti_method != "m6")
    throw UsageError(fmt::format("--anti_method '{}' is neither m4 nor m6", args->anti_method),
                     kRemedy);
  if (values.flag("disable_anti")) args->anti_method.clear();
  const std::string mtp = values.text("quant_mtp");
  if (!mtp.empty() && mtp != "mix" && mtp != "float" && mtp != "none")
    throw UsageError(fmt::format("--quant_mtp '{}' is unknown", mtp), "known: mix, float, none");
  args->mix_mtp = mtp == "mix";
  if (args->layer_count > 0 && (mtp == "mix" || mtp == "float"))
    throw UsageError(fmt::format("--layer_count cuts off the next-token layers, --quant_mtp {} "
                                 "keeps them",
                                 mtp),
                     "use --quant_mtp none");
  args->rot = values.flag("rot");
  if (args->rot && mtp == "float")
    throw UsageError("--rot does not go with --quant_mtp float", "use --quant_mtp mix or none");
}

// All problems of the options at once, before the model is looked at.
void check_options(TraditionalArgs* args) {
  V0Options resolved = args->options;
  if (!args->anti_method.empty())
    resolved.anti = anti_of(*args->family, args->model_type, args->anti_method, resolved, 1);
  std::string problems;
  resolve_v0(&resolved, [&](const std::string& field, const std::string& reason) {
    problems += fmt::format("\n  --{}: {}", field, reason);
  });
  if (!problems.empty()) throw UsageError("these arguments do not fit:" + problems, kRemedy);
}

std::string usage_of(const Family& family) {
  return fmt::format(
      "\nKept float unless --disable_names says otherwise: {}.\nWith --disable_last_linear True "
      "also the head.\n\nExamples:\n  {}\n",
      family.rollback, family.recipes);
}

std::string general_help() {
  std::string text =
      "msmodelslim traditional FAMILY|SCRIPT [ARGUMENTS]\n\n"
      "Takes the arguments of the Python tool's scripts. Families (or the path of their script):\n";
  for (const Family& family : traditional_families())
    text += fmt::format("  {:<12} {}\n", family.name, family.script);
  return text + "\nmsmodelslim traditional FAMILY --help lists the arguments of one.\n";
}

}  // namespace

TraditionalArgs parse_traditional_args(const std::vector<std::string>& words) {
  TraditionalArgs args;
  if (words.empty() || words.front() == "--help" || words.front() == "-h") {
    std::fputs(general_help().c_str(), stdout);
    args.help = true;
    return args;
  }
  const Family& family = find_family(words.front());
  args.family = &family;
  Values values(family);
  CLI::App app("Quantizes a model folder as " + family.script + " of the Python tool does.",
               "msmodelslim traditional " + family.name);
  values.add_to(app);
  app.add_flag("--overwrite", args.overwrite, "replace what is in --save_directory");
  app.add_flag("--restart", args.restart, "begin anew instead of going on with a killed run");
  std::string max_memory;
  app.add_option("--max_memory", max_memory, "keep below that, as `msmodelslim quant` does");
  app.add_option("--scratch_dir", args.scratch_dir, "where a scratch file may lie");
  app.footer(usage_of(family));
  if (!parse_words(app, {words.begin() + 1, words.end()})) {
    args.help = true;
    return args;
  }
  if (!max_memory.empty()) args.max_memory = parse_byte_size("--max_memory", max_memory);
  args.model_path = values.text("model_path");
  args.save_directory = values.text("save_directory");
  args.calib_file = values.text("calib_file");
  if (ascii_lower(args.calib_file) == "none") args.calib_file.clear();
  args.calib_texts = family.name == "hunyuan" ? hunyuan_texts() : values.list("calib_texts");
  args.anti_file = values.text(
      family.name == "internlm2" || family.name == "glm" ? "anti_file" : "anti_calib_file");
  args.model_type = values.text("model_type");
  args.model_name = values.text("model_name");
  args.anti_method = values.text("anti_method");
  args.device_type = family.is_script() ? "npu" : values.text("device_type");
  args.layer_count = values.integer("layer_count", 0);
  if (!values.list("disable_names").empty()) args.disable_names = values.list("disable_names");
  if (family.is_script()) read_script(values, &args);
  check_choices(family, args);
  check_rest(values);
  args.options = options_of(values);
  set_script_options(family, args.dynamic, &args.options);
  args.options.rot = args.rot;
  args.options.use_fa_quant = args.options.use_fa_quant || args.fa_quant;
  check_options(&args);
  return args;
}

}  // namespace msmodelslim
