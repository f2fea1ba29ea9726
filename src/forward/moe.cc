#include "forward/moe.h"

#include <algorithm>
#include <cmath>

#include "base/threads.h"
#include "forward/scratch.h"
#include "forward/steps.h"

namespace msmodelslim {
namespace {

struct Place {
  std::int64_t row;
  float weight;
};

// The rows of each expert, in order.
std::vector<std::vector<Place>> places_of(const Routing& routing, std::size_t experts) {
  std::vector<std::vector<Place>> places(experts);
  for (std::int64_t r = 0; r < routing.rows; ++r)
    for (std::int64_t j = r * routing.per_token; j < (r + 1) * routing.per_token; ++j) {
      const auto at = static_cast<std::size_t>(j);
      places[static_cast<std::size_t>(routing.experts[at])].push_back({r, routing.weights[at]});
    }
  return places;
}

// The samples as they lie in the gathered rows; those without a row are left out.
std::vector<Sequence> gathered_sequences(const std::vector<Sequence>& sequences,
                                         const std::vector<Place>& places) {
  std::vector<Sequence> gathered;
  auto place = places.begin();
  for (const Sequence& s : sequences) {
    const auto end = std::find_if(place, places.end(),
                                  [&](const Place& p) { return p.row >= s.begin + s.rows; });
    if (end != place) gathered.push_back({place - places.begin(), end - place, s.position});
    place = end;
  }
  return gathered;
}

// The rows that a completion shows to an expert.
std::vector<Place> completed_places(const MoeSpec& moe, const ExpertCompletion& completion,
                                    const float* scores, std::size_t expert, std::int64_t rows) {
  const auto experts = static_cast<std::size_t>(moe.choices());
  std::vector<Place> places;
  for (std::int64_t r = 0; r < rows; ++r)
    places.push_back({r, scores[static_cast<std::size_t>(r) * experts + expert]});
  if (completion.all_rows) return places;
  const auto count =
      std::max<std::int64_t>(1, rows * moe.per_token / static_cast<std::int64_t>(experts));
  std::partial_sort(places.begin(), places.begin() + count, places.end(),
                    [](const Place& a, const Place& b) {
                      return a.weight > b.weight || (a.weight == b.weight && a.row < b.row);
                    });
  places.resize(static_cast<std::size_t>(count));
  std::sort(places.begin(), places.end(),
            [](const Place& a, const Place& b) { return a.row < b.row; });
  return places;
}

Routing choose(Moe& moe, const float* x, std::int64_t rows, Context& context, Workspace& ws) {
  float* logits = sized(ws.router, rows * moe.router.spec().out);
  if (moe.spec->router_is_linear)
    apply(context, moe.router, x, rows, logits, ws);
  else
    ProductWeight(moe.router, DType::kF32)
        .multiply(x, rows, moe.router.bias().empty() ? nullptr : moe.router.bias().data(), logits);
  const float* bias = moe.correction_bias.empty() ? nullptr : moe.correction_bias.data();
  if (moe.table.empty()) return route(*moe.spec, logits, bias, rows);
  const std::int64_t each = moe.spec->per_token;
  std::vector<std::int32_t> fixed(static_cast<std::size_t>(rows * each));
  for (std::int64_t r = 0; r < rows; ++r)
    std::copy_n(moe.table.begin() + ws.ids[static_cast<std::size_t>(r)] * each, each,
                fixed.begin() + r * each);
  return route(*moe.spec, logits, bias, rows, fixed.data());
}

// workspace.expert [rows, hidden]
const float* run_expert(const MoeSpec& moe, double limit, Mlp& mlp, const float* x,
                        std::int64_t rows, Context& context, Workspace& ws) {
  float* out = sized(ws.expert, rows * mlp.down.spec().out);
  const float* inner = gated(moe.activation, limit, mlp.gate, mlp.up, x, rows, context, ws);
  apply(context, mlp.down, inner, rows, out, ws);
  // An operation that gathers data may have borrowed the weight.
  for (Linear* linear : mlp.linears())
    if (!context.linear_op->wants(*linear)) linear->release();
  return out;
}

void add_expert(const MoeSpec& moe, Mlp& expert, const std::vector<Place>& places, const float* x,
                float* out, Context& context, Workspace& ws) {
  const std::int64_t width = expert.down.spec().out;
  const auto rows = static_cast<std::int64_t>(places.size());
  float* gathered = sized(ws.gathered, rows * width);
  const auto place = [&](std::int64_t i) { return places[static_cast<std::size_t>(i)]; };
  parallel_ranges(rows, kRowGrain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i)
      std::copy_n(x + place(i).row * width, width, gathered + i * width);
  });
  Context part = context;
  part.sequences = gathered_sequences(context.sequences, places);
  const float* y = run_expert(moe, moe.limit, expert, gathered, rows, part, ws);
  parallel_ranges(rows, kRowGrain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      float* to = out + place(i).row * width;
      for (std::int64_t j = 0; j < width; ++j) to[j] += place(i).weight * y[i * width + j];
    }
  });
}

// What an expert without weights adds.
void add_input(const std::vector<Place>& places, const float* x, std::int64_t width, float* out) {
  for (const Place& place : places)
    for (std::int64_t j = place.row * width; j < (place.row + 1) * width; ++j)
      out[j] += place.weight * x[j];
}

void add_shared(Moe& moe, const float* x, float* out, std::int64_t rows, Context& context,
                Workspace& ws) {
  const std::int64_t width = moe.router.spec().in;
  const float* y = run_expert(*moe.spec, moe.spec->shared_limit, *moe.shared, x, rows, context, ws);
  if (!moe.shared_gate) {
    add_rows(out, y, rows, width, out);
    return;
  }
  float* gate = sized(ws.router, rows);
  apply(context, *moe.shared_gate, x, rows, gate, ws);
  parallel_ranges(rows, kRowGrain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r) {
      const float share = 1.0F / (1.0F + std::exp(-gate[r]));
      for (std::int64_t j = r * width; j < (r + 1) * width; ++j) out[j] += share * y[j];
    }
  });
}

}  // namespace

void run_moe(Moe& moe, const Block& block, const float* x, float* out, std::int64_t rows,
             Context& context, Workspace& ws) {
  const Routing routing = choose(moe, x, rows, context, ws);
  if (context.completion != nullptr) {
    const RawVector<float> scores = ws.router;
    for (std::size_t e = 0; e < moe.experts.size(); ++e)
      if (context.completion->experts[e])
        add_expert(*moe.spec, moe.experts[e],
                   completed_places(*moe.spec, *context.completion, scores.data(), e, rows), x, out,
                   context, ws);
    return;
  }
  for (Tap* tap : context.taps) tap->see_routing(block, routing);
  const auto places = places_of(routing, static_cast<std::size_t>(moe.spec->choices()));
  for (std::size_t e = 0; e < moe.experts.size(); ++e)
    if (!places[e].empty()) add_expert(*moe.spec, moe.experts[e], places[e], x, out, context, ws);
  for (std::size_t e = moe.experts.size(); e < places.size(); ++e)
    add_input(places[e], x, moe.router.spec().in, out);
  if (moe.shared) add_shared(moe, x, out, rows, context, ws);
}

}  // namespace msmodelslim
