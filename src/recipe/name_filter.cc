#include "recipe/name_filter.h"

#include <algorithm>
#include <utility>

namespace msmodelslim {
namespace {

std::vector<Glob> compile(std::vector<std::string> patterns) {
  std::vector<Glob> globs;
  globs.reserve(patterns.size());
  for (std::string& pattern : patterns) globs.emplace_back(std::move(pattern));
  return globs;
}

bool matches(const Glob& glob, std::string_view name) {
  return glob.pattern() == name || glob.matches(name);
}

bool matches_any(const std::vector<Glob>& globs, std::string_view name) {
  return std::any_of(globs.begin(), globs.end(),
                     [&](const Glob& glob) { return matches(glob, name); });
}

std::vector<std::string> patterns_of(const std::vector<Glob>& globs) {
  std::vector<std::string> patterns;
  for (const Glob& glob : globs) patterns.push_back(glob.pattern());
  return patterns;
}

}  // namespace

NameFilter::NameFilter(std::vector<std::string> include, std::vector<std::string> exclude,
                       bool empty_include_is_all)
    : include_(compile(std::move(include))),
      exclude_(compile(std::move(exclude))),
      empty_include_is_all_(empty_include_is_all) {}

bool NameFilter::selects(std::string_view name) const {
  const bool included = include_.empty() ? empty_include_is_all_ : matches_any(include_, name);
  return included && !matches_any(exclude_, name);
}

bool NameFilter::selects_nothing() const { return include_.empty() && !empty_include_is_all_; }

std::vector<std::string> NameFilter::include() const { return patterns_of(include_); }

std::vector<std::string> NameFilter::exclude() const { return patterns_of(exclude_); }

std::vector<std::string> NameFilter::unmatched_patterns(
    const std::vector<std::string>& names) const {
  std::vector<std::string> unmatched;
  for (const std::vector<Glob>* globs : {&include_, &exclude_})
    for (const Glob& glob : *globs) {
      if (glob.pattern() == "*") continue;
      const bool used = std::any_of(names.begin(), names.end(),
                                    [&](const std::string& name) { return matches(glob, name); });
      if (!used) unmatched.push_back(glob.pattern());
    }
  return unmatched;
}

}  // namespace msmodelslim
