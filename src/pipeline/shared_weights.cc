#include "pipeline/shared_weights.h"

#include <algorithm>

#include "base/log.h"
#include "quantize/linear_bytes.h"

namespace msmodelslim {

namespace {

// What other ranks do not do must be warned about here, though only rank 0 speaks otherwise.
class OwnWork {
 public:
  explicit OwnWork(bool shared) : before_(log_level()) {
    if (shared && before_ > LogLevel::kWarning) set_log_level(LogLevel::kWarning);
  }
  ~OwnWork() { set_log_level(before_); }
  OwnWork(const OwnWork&) = delete;
  OwnWork& operator=(const OwnWork&) = delete;

 private:
  LogLevel before_;
};

}  // namespace

void finish_shared(const std::vector<std::string>& names, BlockState& state, Ranks& ranks) {
  // Solving: in^3 for the factor, out in^2 for each linear.
  std::vector<const Hessian*> solved;
  std::vector<double> costs;
  std::map<std::string, std::size_t> group_of;
  for (const std::string& name : names) {
    const Hessian* hessian = state.active.at(name)->hessian();
    if (hessian == nullptr || ranks.alone()) continue;
    const auto in = static_cast<double>(state.active.at(name)->linear().spec().in);
    const auto found = std::find(solved.begin(), solved.end(), hessian);
    const auto group = static_cast<std::size_t>(found - solved.begin());
    if (found == solved.end()) {
      solved.push_back(hessian);
      costs.push_back(in * in * in);
    }
    costs[group] += static_cast<double>(state.active.at(name)->linear().spec().out) * in * in;
    group_of[name] = group;
  }
  const std::vector<int> owners = spread_owners(costs, ranks.size());
  const auto owner_of = [&](const std::string& name) {
    const auto group = group_of.find(name);
    return group == group_of.end() ? ranks.rank() : owners[group->second];
  };
  std::map<std::string, LinearSpec> specs;
  for (const std::string& name : names) {
    specs[name] = state.active.at(name)->linear().spec();
    if (owner_of(name) == ranks.rank()) {
      const OwnWork work(group_of.count(name) > 0);
      state.done[name] = state.active.at(name)->finish();
    }
    state.active.erase(name);
  }
  for (const auto& [name, group] : group_of) {
    ByteWriter writer;
    if (owners[group] == ranks.rank()) write_linear(state.done.at(name), writer);
    const Bytes message = ranks.broadcast_message(owners[group], writer.take());
    ByteReader reader(message);
    if (owners[group] != ranks.rank()) state.done[name] = read_linear(reader, specs.at(name));
  }
}

LaterLinears::LaterLinears(BlockState& state, Ranks& ranks, bool measure)
    : state_(state), ranks_(ranks), measure_(measure) {
  if (ranks.alone()) return;
  int next = 0;
  for (Linear* linear : state.block->linears())
    if (state.later.count(linear->name()) > 0) owners_[linear->name()] = next++ % ranks.size();
}

LaterLinears::Made LaterLinears::make(Linear& linear) const {
  Made made{state_.later.at(linear.name())(), {}};
  if (measure_) made.error = weight_error(linear, made.linear);
  return made;
}

void LaterLinears::serve() {
  for (Linear* linear : state_.block->linears()) {
    const auto owner = owners_.find(linear->name());
    if (owner == owners_.end() || owner->second != ranks_.rank()) continue;
    const OwnWork work(true);
    const Made made = make(*linear);
    ByteWriter writer;
    writer.text(linear->name());
    writer.value(made.error.has_value());
    writer.value(made.error.value_or(WeightError()));
    write_linear(made.linear, writer);
    ranks_.send(0, writer.take());
    linear->release();
  }
}

LaterLinears::Made LaterLinears::take(Linear& linear) {
  const auto found = owners_.find(linear.name());
  if (found == owners_.end() || found->second == ranks_.rank()) return make(linear);
  while (early_.count(linear.name()) == 0) {
    Bytes message = ranks_.receive(found->second);
    std::string name = ByteReader(message).text();
    early_[std::move(name)] = std::move(message);
  }
  const Bytes message = std::move(early_.extract(linear.name()).mapped());
  ByteReader reader(message);
  reader.text();
  const bool measured = reader.value<bool>();
  const auto error = reader.value<WeightError>();
  Made made{read_linear(reader, linear.spec()), {}};
  if (measured) made.error = error;
  return made;
}

}  // namespace msmodelslim
