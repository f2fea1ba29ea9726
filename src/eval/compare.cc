#include "eval/compare.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.h"
#include "base/files.h"
#include "base/interrupt.h"
#include "base/threads.h"
#include "checkpoint/safetensors.h"
#include "eval/scored_model.h"
#include "kernels/gemm.h"
#include "kernels/log_softmax.h"

namespace msmodelslim {
namespace {

struct Token {
  WorstToken where;
  double nll = 0;
  double float_nll = 0;
  double same = 0;
  double overlap = 0;
};

std::vector<std::int32_t> five_best(const float* row, std::int64_t vocab) {
  std::vector<std::int32_t> order(static_cast<std::size_t>(vocab));
  std::iota(order.begin(), order.end(), 0);
  const auto kept = std::min<std::ptrdiff_t>(5, vocab);
  std::partial_sort(
      order.begin(), order.begin() + kept, order.end(),
      [&](std::int32_t a, std::int32_t b) { return row[a] != row[b] ? row[a] > row[b] : a < b; });
  order.resize(static_cast<std::size_t>(kept));
  return order;
}

// One prediction out of two rows of log-probabilities.
Token look(const float* p, const float* q, std::int64_t vocab, std::int32_t next) {
  const auto theirs = five_best(p, vocab);
  const auto mine = five_best(q, vocab);
  Token token;
  token.where.kl = kl_divergence(p, q, vocab);
  token.where.next = next;
  token.where.float_choice = theirs[0];
  token.where.choice = mine[0];
  token.where.float_probability = std::exp(static_cast<double>(p[next]));
  token.where.probability = std::exp(static_cast<double>(q[next]));
  token.nll = -static_cast<double>(q[next]);
  token.float_nll = -static_cast<double>(p[next]);
  token.same = theirs[0] == mine[0];
  const auto shared = std::count_if(mine.begin(), mine.end(), [&](std::int32_t id) {
    return std::find(theirs.begin(), theirs.end(), id) != theirs.end();
  });
  token.overlap = static_cast<double>(shared) / static_cast<double>(mine.size());
  return token;
}

std::vector<Token> look_at_all(ScoredModel& reference, ScoredModel& model, const Windows& windows) {
  const std::int64_t vocab = model.spec().vocab;
  std::vector<Token> tokens;
  std::vector<float> mine;
  std::vector<float> theirs;
  std::int64_t row = 0;
  for (std::size_t w = 0; w < windows.size(); ++w) {
    const auto length = static_cast<std::int64_t>(windows[w].size());
    for (std::int64_t begin = 0; begin + 1 < length; begin += kLogitRows) {
      check_interrupted();
      const std::int64_t rows = std::min(kLogitRows, length - 1 - begin);
      reference.log_probabilities(row + begin, rows, theirs);
      model.log_probabilities(row + begin, rows, mine);
      const std::size_t first = tokens.size();
      tokens.resize(first + static_cast<std::size_t>(rows));
      parallel_for(rows, [&](std::int64_t r) {
        Token& token = tokens[first + static_cast<std::size_t>(r)];
        token = look(theirs.data() + r * vocab, mine.data() + r * vocab, vocab,
                     windows[w][static_cast<std::size_t>(begin + r + 1)]);
        token.where.window = static_cast<std::int64_t>(w);
        token.where.position = begin + r + 1;
      });
    }
    row += length;
  }
  return tokens;
}

BlockDistance distance(const std::string& name, const PackedStates& h, const PackedStates& g) {
  std::vector<double> cosines(static_cast<std::size_t>(h.rows));
  std::vector<double> errors(cosines.size());
  std::vector<double> sizes(cosines.size());
  parallel_for(h.rows, [&](std::int64_t r) {
    double hh = 0;
    double gg = 0;
    double hg = 0;
    double dd = 0;
    for (std::int64_t i = r * h.width; i < (r + 1) * h.width; ++i) {
      const double a = h.values[static_cast<std::size_t>(i)];
      const double b = g.values[static_cast<std::size_t>(i)];
      hh += a * a;
      gg += b * b;
      hg += a * b;
      dd += (a - b) * (a - b);
    }
    const auto at = static_cast<std::size_t>(r);
    cosines[at] = hh > 0 && gg > 0 ? hg / std::sqrt(hh * gg) : 1;
    errors[at] = dd;
    sizes[at] = hh;
  });
  const auto sum = [](const std::vector<double>& values) {
    return std::accumulate(values.begin(), values.end(), 0.0);
  };
  const double error = std::sqrt(sum(errors) / std::max(sum(sizes), 1e-300));
  return {name, error, -20 * std::log10(std::max(error, 1e-15)), mean_error(cosines).mean};
}

// The basis of a folder's hidden states. A rotated model has its own, and keeps the rotation beside
// the weights; the embeddings of both models tell whether and how it applies.
class Basis {
 public:
  Basis(const std::string& folder, const PackedStates& h, const PackedStates& g) {
    if (close(h, g)) return;
    known_ = false;
    const std::string path = folder + "/optional/quarot.safetensors";
    if (!fs::exists(path)) return;
    const SafetensorsFile file(path);
    for (const auto& entry : file.entries()) {
      const TensorView view = file.view(entry);
      if (entry.name != "global_rotation" || view.shape != Shape{h.width, h.width}) continue;
      rotation_.resize(static_cast<std::size_t>(view.count()));
      to_f32(view, rotation_.data());
    }
    known_ = !rotation_.empty() && close(h, original(g));
    if (!known_) rotation_.clear();
  }
  bool known() const { return known_; }
  // The states in the float model's basis: g R^T.
  PackedStates original(const PackedStates& g) const {
    if (rotation_.empty()) return g;
    PackedStates out = g;
    matmul_nt(g.values.data(), g.width, rotation_.data(), g.width, out.values.data(), g.width,
              g.rows, g.width, g.width);
    return out;
  }

 private:
  static bool close(const PackedStates& h, const PackedStates& g) {
    return distance("", h, g).error < 0.1;
  }
  bool known_ = true;
  std::vector<float> rotation_;  // [width, width], or empty
};

std::vector<double> sorted(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values;
}

template <typename Field>
std::vector<double> column(const std::vector<Token>& tokens, const Field& field) {
  std::vector<double> values;
  values.reserve(tokens.size());
  for (const Token& token : tokens) values.push_back(field(token));
  return values;
}

Comparison summary(std::vector<Token> tokens, std::size_t worst) {
  Comparison result;
  result.predictions = static_cast<std::int64_t>(tokens.size());
  const auto kl = column(tokens, [](const Token& t) { return t.where.kl; });
  result.mean_kl = mean_error(kl);
  result.kl = sorted(kl);
  result.perplexity =
      std::exp(mean_error(column(tokens, [](const Token& t) { return t.nll; })).mean);
  result.float_perplexity =
      std::exp(mean_error(column(tokens, [](const Token& t) { return t.float_nll; })).mean);
  result.nll_difference =
      mean_error(column(tokens, [](const Token& t) { return t.nll - t.float_nll; }));
  const auto change = column(
      tokens, [](const Token& t) { return t.where.probability - t.where.float_probability; });
  double squares = 0;
  for (const double value : change) squares += value * value;
  result.probability_rms = std::sqrt(squares / static_cast<double>(change.size()));
  result.probability_change = sorted(change);
  result.top1 = mean_error(column(tokens, [](const Token& t) { return t.same; }));
  result.top5 = mean_error(column(tokens, [](const Token& t) { return t.overlap; }));
  const auto shown = static_cast<std::ptrdiff_t>(std::min(worst, tokens.size()));
  std::partial_sort(tokens.begin(), tokens.begin() + shown, tokens.end(),
                    [](const Token& a, const Token& b) { return a.where.kl > b.where.kl; });
  for (std::ptrdiff_t i = 0; i < shown; ++i)
    result.worst.push_back(tokens[static_cast<std::size_t>(i)].where);
  return result;
}

Json percentiles(const std::vector<double>& values) {
  Json json = Json::object();
  for (const double p : {1.0, 5.0, 10.0, 50.0, 90.0, 95.0, 99.0, 99.9})
    json[fmt::format("{:g}", p)] = percentile(values, p);
  return json;
}

}  // namespace

double percentile(std::span<const double> values, double value) {
  const double at = value / 100 * static_cast<double>(values.size() - 1);
  const auto low = static_cast<std::size_t>(at);
  const std::size_t high = std::min(low + 1, values.size() - 1);
  return values[low] + (values[high] - values[low]) * (at - static_cast<double>(low));
}

const char* Comparison::verdict() const {
  if (mean_kl.mean < 0.005) return "excellent";
  if (mean_kl.mean < 0.02) return "good";
  return mean_kl.mean < 0.1 ? "usable" : "bad";
}

Json Comparison::json() const {
  const auto with_error = [](const MeanError& value) {
    return Json{{"mean", value.mean}, {"stderr", value.error}};
  };
  Json out = {{"predictions", predictions},
              {"perplexity_float", float_perplexity},
              {"perplexity", perplexity},
              {"nll_difference", with_error(nll_difference)},
              {"kl", with_error(mean_kl)},
              {"kl_max", kl.back()},
              {"kl_percentiles", percentiles(kl)},
              {"top1_agreement", with_error(top1)},
              {"top5_overlap", with_error(top5)},
              {"probability_change_rms", probability_rms},
              {"probability_change_percentiles", percentiles(probability_change)},
              {"verdict", verdict()}};
  out["blocks"] = Json::array();
  for (const BlockDistance& block : blocks)
    out["blocks"].push_back({{"block", block.block},
                             {"relative_error", block.error},
                             {"snr_db", block.snr},
                             {"cosine", block.cosine}});
  out["worst"] = Json::array();
  for (const WorstToken& token : worst)
    out["worst"].push_back({{"window", token.window},
                            {"position", token.position},
                            {"kl", token.kl},
                            {"next", token.next},
                            {"float_choice", token.float_choice},
                            {"choice", token.choice},
                            {"float_probability", token.float_probability},
                            {"probability", token.probability}});
  return out;
}

Comparison compare_models(const CompareOptions& options, std::span<const std::int32_t> ids) {
  const Windows windows = cut_windows(ids, options.seqlen, options.windows);
  ScoredModel reference(options.float_path);
  ScoredModel model(options.model_path);
  const ModelSpec& spec = model.spec();
  if (reference.spec().vocab != spec.vocab || reference.spec().hidden != spec.hidden ||
      reference.spec().blocks.size() != spec.blocks.size())
    throw DataError(
        fmt::format("{} and {} are not of one model", options.float_path, options.model_path),
        "--float_path must be the model that was quantized");
  reference.begin(windows);
  model.begin(windows);
  const Basis basis(options.model_path, reference.states(), model.states());
  std::vector<BlockDistance> blocks;
  for (std::size_t i = 0; i < spec.decoders(); ++i) {
    reference.run_block(i);
    model.run_block(i);
    if (basis.known())
      blocks.push_back(
          distance(spec.blocks[i].name, reference.states(), basis.original(model.states())));
  }
  Comparison result = summary(look_at_all(reference, model, windows), options.worst);
  result.blocks = std::move(blocks);
  return result;
}

}  // namespace msmodelslim
