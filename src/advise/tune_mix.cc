#include "advise/tune_mix.h"

#include <algorithm>

#include "advise/trials.h"

namespace msmodelslim {
namespace {

class MixRun {
 public:
  MixRun(const ModelSpec& model, const TryMix& attempt, MixTable* table)
      : model_(model), attempt_(attempt), table_(table) {}

  SearchResult for_bits(double bits) {
    const MixPoint point = mix_for_bits(table_->parts, bits);
    const SearchResult result = choose(point, point.bits <= bits);
    attempt(point);
    try {
      for (const MixPoint* end : {first(), last_quantized()})
        if (end != nullptr && end->assignment != point.assignment) attempt(*end);
    } catch (const SearchEnded&) {  // the table has fewer rows
    }
    return result;
  }

  SearchResult for_kl(double most) {
    const std::vector<MixPoint>& path = table_->path;
    std::size_t low = 0;
    std::size_t high = path.size() - 1;  // the last that may be good enough
    while (high > 0 && !quantizes(path[high])) --high;
    choose(path[high], false);
    if (attempt(path[high]) > most) return choose(path[high], false);
    while (low < high) {
      const std::size_t middle = (low + high) / 2;
      if (attempt(path[middle]) <= most) {
        high = middle;
        choose(path[high], true);
      } else {
        low = middle + 1;
      }
    }
    return choose(path[high], true);
  }

 private:
  double attempt(const MixPoint& point) {
    MixTrial trial = attempt_(recipe_of(point));
    trial.bits = point.bits;
    trial.loss = point.loss;
    table_->trials.push_back(trial);
    std::stable_sort(table_->trials.begin(), table_->trials.end(),
                     [](const MixTrial& a, const MixTrial& b) { return a.bits < b.bits; });
    return trial.kl;
  }

  SearchResult choose(const MixPoint& point, bool satisfied) {
    table_->chosen = point.assignment;
    return {recipe_of(point), satisfied};
  }

  Recipe recipe_of(const MixPoint& point) const {
    return mix_recipe(model_, table_->parts, point.assignment);
  }

  bool quantizes(const MixPoint& point) const {
    for (std::size_t i = 0; i < table_->parts.size(); ++i)
      if (table_->parts[i].options[point.assignment[i]].type != "float") return true;
    return false;
  }

  const MixPoint* first() const { return &table_->path.front(); }

  const MixPoint* last_quantized() const {
    for (auto point = table_->path.rbegin(); point != table_->path.rend(); ++point)
      if (quantizes(*point)) return &*point;
    return nullptr;
  }

  const ModelSpec& model_;
  const TryMix& attempt_;
  MixTable* table_;
};

}  // namespace

SearchResult search_mix(const ModelSpec& model, const MixSearch& search, const TryMix& attempt,
                        MixTable* table) {
  table->path = mix_path(table->parts);
  MixRun run(model, attempt, table);
  return search.target_bits ? run.for_bits(*search.target_bits) : run.for_kl(*search.max_kl);
}

}  // namespace msmodelslim
