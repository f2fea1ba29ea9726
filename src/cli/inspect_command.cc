#include "cli/inspect_command.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <map>

#include "base/error.h"
#include "base/glob.h"
#include "checkpoint/ascendv1.h"
#include "checkpoint/tensor_summary.h"
#include "cli/long_options.h"

namespace msmodelslim {
namespace {

constexpr const char* kFooter =
    "Examples:\n"
    "  msmodelslim inspect Q                          tensors, layers of the same kind in one "
    "line\n"
    "  msmodelslim inspect Q --all                    one line each\n"
    "  msmodelslim inspect Q '*.0.*q_proj*'           values of the tensors with such names";

std::string size_text(std::uint64_t bytes) {
  return bytes >= 1'000'000'000 ? fmt::format("{:.2f} GB", static_cast<double>(bytes) / 1e9)
                                : fmt::format("{:.3f} MB", static_cast<double>(bytes) / 1e6);
}

// Types by tensor name, where the path is a quantized folder.
std::map<std::string, std::string> types_of(const std::string& path) {
  std::map<std::string, std::string> types;
  std::error_code ec;
  if (!fs::is_directory(path, ec) || find_description(path).empty()) return types;
  const Json description = read_description(path);
  for (const auto& [name, type] : description.items())
    if (type.is_string()) types[name] = type.get<std::string>();
  return types;
}

struct Line {
  std::string name, dtype, shape, type, file;
  std::uint64_t bytes = 0;
  std::int64_t count = 1;
};

std::vector<Line> lines_of(const TensorList& list, const std::string& path, bool all) {
  const auto types = types_of(path);
  std::vector<Line> lines;
  std::map<std::string, std::size_t> place;
  for (const TensorList::Item& item : list.items()) {
    const auto type = types.find(item.name);
    Line line{all ? item.name : without_numbers(item.name),
              std::string(dtype_name(item.view.dtype)),
              shape_text(item.view.shape),
              type == types.end() ? "" : type->second,
              item.file,
              item.view.byte_size()};
    const std::string key =
        fmt::format("{} {} {} {}", line.name, line.dtype, line.shape, line.type);
    const auto [at, fresh] = place.emplace(key, lines.size());
    if (fresh) {
      lines.push_back(std::move(line));
    } else {
      ++lines[at->second].count;
      lines[at->second].bytes += line.bytes;
    }
  }
  return lines;
}

void print_tree(const TensorList& list, const std::string& path, bool all, bool json) {
  const std::vector<Line> lines = lines_of(list, path, all);
  if (json) {
    Json tensors = Json::array();
    for (const Line& line : lines)
      tensors.push_back({{"name", line.name},
                         {"dtype", line.dtype},
                         {"shape", line.shape},
                         {"type", line.type},
                         {"count", line.count},
                         {"bytes", line.bytes}});
    const Json out = {{"path", path},
                      {"tensors", list.items().size()},
                      {"bytes", list.bytes()},
                      {"lines", std::move(tensors)}};
    std::printf("%s\n", out.dump(2).c_str());
    return;
  }
  std::size_t width = 0;
  for (const Line& line : lines) width = std::max(width, line.name.size());
  for (const Line& line : lines) {
    const std::string count = line.count > 1 ? fmt::format("x{}", line.count) : "";
    std::fputs(fmt::format("{:<{}}  {:<8} {:<16} {:>6}  {:>12}  {}\n", line.name, width, line.dtype,
                           line.shape, count, size_text(line.bytes), line.type)
                   .c_str(),
               stdout);
  }
  std::fputs(fmt::format("{} tensors, {}\n", list.items().size(), size_text(list.bytes())).c_str(),
             stdout);
}

void print_values(const TensorList& list, const std::string& path, const std::string& pattern,
                  bool json) {
  const Glob glob(pattern);
  const auto types = types_of(path);
  Json out = Json::array();
  for (const TensorList::Item& item : list.items()) {
    if (item.name != pattern && !glob.matches(item.name)) continue;
    const ValueSummary v = summarize(item.view);
    const auto type = types.find(item.name);
    out.push_back({{"name", item.name},
                   {"dtype", dtype_name(item.view.dtype)},
                   {"shape", shape_text(item.view.shape)},
                   {"type", type == types.end() ? "" : type->second},
                   {"file", item.file},
                   {"min", v.min},
                   {"max", v.max},
                   {"mean", v.mean},
                   {"std", v.std},
                   {"zeros", v.zeros},
                   {"not_finite", v.not_finite}});
    if (json) continue;
    std::fputs(
        fmt::format("{}\n  {} {} {} in {}\n  min {:.6g}  max {:.6g}  mean {:.6g}  std {:.6g}  "
                    "zeros {}  not finite {}\n",
                    item.name, dtype_name(item.view.dtype), shape_text(item.view.shape),
                    type == types.end() ? "" : type->second, item.file, v.min, v.max, v.mean, v.std,
                    v.zeros, v.not_finite)
            .c_str(),
        stdout);
  }
  if (out.empty())
    throw UsageError(fmt::format("{}: no tensor is called '{}'", path, pattern),
                     "msmodelslim inspect PATH --all lists the names");
  if (json) std::printf("%s\n", out.dump(2).c_str());
}

}  // namespace

int run_inspect(const std::vector<std::string>& words) {
  std::string path;
  std::string tensor;
  bool all = false;
  bool json = false;
  CLI::App app("Shows what is in a model folder or a safetensors file", "msmodelslim inspect");
  app.add_option("path,--model_path", path, "folder, or *.safetensors")->type_name("PATH");
  app.add_option("tensor", tensor, "name of a tensor, or a pattern: shows its values")
      ->type_name("TENSOR");
  app.add_flag("--all", all, "a line for each tensor");
  app.add_flag("--json", json, "JSON instead of a table");
  app.footer(kFooter);
  try {
    std::vector<std::string> arguments =
        expand_long_options(words, {"model_path", "all", "json", "help"});
    std::reverse(arguments.begin(), arguments.end());
    app.parse(arguments);
  } catch (const CLI::CallForHelp& e) {
    return app.exit(e);
  } catch (const CLI::ParseError& e) {
    throw UsageError(fmt::format("inspect: {}", e.what()), "see msmodelslim inspect --help");
  }
  if (path.empty())
    throw UsageError("inspect: no folder or file is given", "msmodelslim inspect PATH");
  const TensorList list(path);
  if (tensor.empty())
    print_tree(list, path, all, json);
  else
    print_values(list, path, tensor, json);
  return 0;
}

}  // namespace msmodelslim
