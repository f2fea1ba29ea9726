#include "cli/diff_command.h"

#include <algorithm>
#include <cstdio>
#include <map>
#include <optional>

#include "base/error.h"
#include "checkpoint/ascendv1.h"
#include "checkpoint/tensor_summary.h"
#include "cli/command_line.h"
#include "cli/diff_attribution.h"

namespace msmodelslim {
namespace {

struct Difference {
  std::string name;
  std::string what;  // empty: the values
  ValueDifference values;
  std::int64_t count = 0;
};

std::string kind_text(const TensorView& view) {
  return std::string(dtype_name(view.dtype)) + shape_text(view.shape);
}

// In the order of A, then what only B has.
std::vector<Difference> differences(const TensorList& a, const TensorList& b) {
  std::vector<Difference> all;
  for (const TensorList::Item& item : a.items()) {
    const TensorList::Item* other = b.find(item.name);
    if (other == nullptr) {
      all.push_back({item.name, "only in A", {}, 0});
    } else if (item.view.shape != other->view.shape) {
      all.push_back({item.name,
                     fmt::format("{} and {}", kind_text(item.view), kind_text(other->view)),
                     {},
                     0});
    } else {
      const ValueDifference values = difference(item.view, other->view);
      std::string what;
      if (item.view.dtype != other->view.dtype)
        what = fmt::format("{} and {}", kind_text(item.view), kind_text(other->view));
      if (values.different > 0 || !what.empty())
        all.push_back({item.name, std::move(what), values, item.view.count()});
    }
  }
  for (const TensorList::Item& item : b.items())
    if (a.find(item.name) == nullptr) all.push_back({item.name, "only in B", {}, 0});
  return all;
}

// Entries of the two descriptions that differ: name -> "A and B".
std::map<std::string, std::string> type_differences(const std::string& a, const std::string& b) {
  std::map<std::string, std::string> found;
  std::error_code ec;
  if (!fs::is_directory(a, ec) || !fs::is_directory(b, ec)) return found;
  if (find_description(a).empty() || find_description(b).empty()) return found;
  const auto types = [](const std::string& folder) {
    std::map<std::string, std::string> all;
    const Json description = read_description(folder);
    for (const auto& [name, type] : description.items()) all[name] = type.dump();
    return all;
  };
  const auto mine = types(a);
  const auto theirs = types(b);
  for (const auto& [name, type] : mine) {
    const auto other = theirs.find(name);
    if (other == theirs.end() || other->second != type)
      found[name] = fmt::format("{} and {}", type, other == theirs.end() ? "none" : other->second);
  }
  for (const auto& [name, type] : theirs)
    if (mine.count(name) == 0) found[name] = fmt::format("none and {}", type);
  return found;
}

Json to_json(const std::vector<Difference>& tensors,
             const std::map<std::string, std::string>& types) {
  Json list = Json::array();
  for (const Difference& d : tensors)
    list.push_back({{"name", d.name},
                    {"what", d.what.empty() ? "values" : d.what},
                    {"different", d.values.different},
                    {"count", d.count},
                    {"max", d.values.max},
                    {"mean", d.values.mean}});
  return {{"tensors", std::move(list)}, {"description", types}};
}

void print(const std::vector<Difference>& tensors, const std::map<std::string, std::string>& types,
           std::size_t most) {
  for (std::size_t i = 0; i < std::min(most, tensors.size()); ++i) {
    const Difference& d = tensors[i];
    std::string text = d.what;
    if (d.count > 0)
      text += fmt::format("{}{} of {} values, |a - b| at most {:.6g}, mean {:.6g}",
                          text.empty() ? "" : ": ", d.values.different, d.count, d.values.max,
                          d.values.mean);
    std::fputs(fmt::format("{}  {}\n", d.name, text).c_str(), stdout);
  }
  if (tensors.size() > most)
    std::fputs(
        fmt::format("... and {} more tensors; --all shows them\n", tensors.size() - most).c_str(),
        stdout);
  std::size_t shown = 0;
  for (const auto& [name, what] : types) {
    if (shown++ == most) break;
    std::fputs(fmt::format("description: {}  {}\n", name, what).c_str(), stdout);
  }
  if (types.size() > most)
    std::fputs(fmt::format("description: ... and {} more entries\n", types.size() - most).c_str(),
               stdout);
}

void print_summary(const std::vector<Difference>& tensors,
                   const std::map<std::string, std::string>& types, std::size_t count) {
  if (tensors.empty() && types.empty()) {
    std::fputs(fmt::format("all {} tensors are equal\n", count).c_str(), stdout);
    return;
  }
  std::fputs(fmt::format("{} of {} tensors and {} entries of the description differ; the first "
                         "tensor is {}\n",
                         tensors.size(), count, types.size(),
                         tensors.empty() ? "none" : tensors.front().name)
                 .c_str(),
             stdout);
}

}  // namespace

int run_diff(const std::vector<std::string>& words) {
  std::string a;
  std::string b;
  bool all = false;
  bool json = false;
  AttributionOptions attribution;
  CLI::App app("Shows how two model folders or safetensors files differ; exit code 1 when they do",
               "msmodelslim diff");
  app.add_option("A", a, "folder, or *.safetensors")->type_name("PATH");
  app.add_option("B", b, "the other")->type_name("PATH");
  app.add_option("--float_path", attribution.float_path,
                 "the float model of both: also says in which block which of them loses more")
      ->type_name("PATH");
  app.add_option("--text", attribution.text, "what that is measured on (eval_en_zh.txt)")
      ->type_name("FILE");
  app.add_option("--seqlen", attribution.seqlen, "tokens per window (256)")
      ->check(CLI::Range(2, 1 << 20));
  app.add_option("--windows", attribution.windows, "windows, 0: all that fit (4)")
      ->check(CLI::NonNegativeNumber);
  app.add_flag("--all", all, "every tensor, not the first 20");
  app.add_flag("--json", json, "JSON instead of lines");
  if (!parse_words(app, words)) return 0;
  if (a.empty() || b.empty())
    throw UsageError("diff: two folders or files are needed", "msmodelslim diff A B");
  const TensorList left(a);
  const TensorList right(b);
  const std::vector<Difference> tensors = differences(left, right);
  const auto types = type_differences(a, b);
  std::optional<Attribution> losses;
  if (!attribution.float_path.empty()) losses = attribute(a, b, attribution);
  if (json) {
    Json result = to_json(tensors, types);
    if (losses) result["attribution"] = losses->json();
    std::printf("%s\n", result.dump(2).c_str());
  } else {
    print(tensors, types, all ? SIZE_MAX : 20);
    print_summary(tensors, types, std::max(left.items().size(), right.items().size()));
    if (losses) print(*losses);
  }
  return tensors.empty() && types.empty() ? 0 : 1;
}

}  // namespace msmodelslim
