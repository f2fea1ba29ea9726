#pragma once
// include / exclude of a recipe entry: which modules it touches.

#include <string>
#include <string_view>
#include <vector>

#include "base/glob.h"

namespace msmodelslim {

// A name is selected when it matches `include` and not `exclude`; exclude always wins. A name that
// is equal to a pattern, character by character, matches it before any pattern rule is tried.
//
// An empty include selects everything for the smooth family and float_sparse, and nothing for
// linear_quant and svd_res.
class NameFilter {
 public:
  NameFilter() = default;  // selects everything
  NameFilter(std::vector<std::string> include, std::vector<std::string> exclude,
             bool empty_include_is_all);

  bool selects(std::string_view name) const;
  bool selects_nothing() const;  // whatever the name

  bool operator==(const NameFilter&) const = default;

  std::vector<std::string> include() const;
  std::vector<std::string> exclude() const;

  // The patterns that match none of `names`, in the order written; `*` is never listed. Give every
  // module name of the model, not only the linears, so that `lm_head` is not a false alarm.
  std::vector<std::string> unmatched_patterns(const std::vector<std::string>& names) const;

 private:
  std::vector<Glob> include_;
  std::vector<Glob> exclude_;
  bool empty_include_is_all_ = true;
};

}  // namespace msmodelslim
