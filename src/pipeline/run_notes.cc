#include "pipeline/run_notes.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "checkpoint/tensor_summary.h"

namespace msmodelslim {
namespace {

double six_digits(float value) {
  return std::strtod(fmt::format("{:.6g}", value).c_str(), nullptr);
}

// "model.layers.3.mlp.experts.17.down_proj" -> "mlp.experts.*.down_proj"
std::string kind_of(const std::string& linear) {
  const std::string pattern = without_numbers(linear);
  const std::size_t layer = pattern.find("*.");
  return layer == std::string::npos ? pattern : pattern.substr(layer + 2);
}

MinMax joined(MinMax a, MinMax b) { return {std::min(a.min, b.min), std::max(a.max, b.max)}; }

// Takes the `count`-th into the figures of those before it.
void join(InputSummary& all, const InputSummary& one, std::int64_t count) {
  if (all.range && one.range) all.range = joined(*all.range, *one.range);
  for (std::size_t i = 0; i < all.channels.size(); ++i)
    all.channels[i] += (one.channels[i] - all.channels[i]) / static_cast<float>(count);
}

Json summary_json(const InputSummary& summary) {
  Json json = {{"min", nullptr}, {"max", nullptr}, {"channels", Json::array()}};
  if (summary.range) {
    json["min"] = six_digits(summary.range->min);
    json["max"] = six_digits(summary.range->max);
  }
  for (const float value : summary.channels) json["channels"].push_back(six_digits(value));
  return json;
}

InputSummary summary_from(const Json& json) {
  InputSummary summary;
  if (!json.at("min").is_null()) summary.range = MinMax{json.at("min"), json.at("max")};
  for (std::size_t i = 0; i < summary.channels.size(); ++i)
    summary.channels[i] = json.at("channels").at(i);
  return summary;
}

Json scales_json(const std::string& kind, const ScaleHistogram& histogram) {
  const std::map<int, std::int64_t> counts = histogram.counts();
  const int first = counts.empty() ? 0 : counts.begin()->first;
  Json all = Json::array();
  for (const auto& [bin, count] : counts) {
    while (static_cast<int>(all.size()) < bin - first) all.push_back(0);
    all.push_back(count);
  }
  return {{"kind", kind},
          {"bins_per_octave", ScaleHistogram::kBinsPerOctave},
          {"first", first},
          {"counts", std::move(all)},
          {"others", histogram.others()}};
}

}  // namespace

std::string without_expert(const std::string& linear) {
  constexpr std::string_view kExperts = ".experts.";
  const std::size_t found = linear.find(kExperts);
  if (found == std::string::npos) return linear;
  const std::size_t begin = found + kExperts.size();
  const std::size_t end = linear.find_first_not_of("0123456789", begin);
  if (end == begin || end == std::string::npos) return linear;
  return linear.substr(0, begin) + "*" + linear.substr(end);
}

void RunNotes::add_change(const std::string& by, const std::string& linear,
                          const InputChange& change) {
  const std::string name = without_expert(linear);
  // Notes of one layer follow each other.
  const std::size_t recent = changes_.size() > 64 ? changes_.size() - 64 : 0;
  for (std::size_t i = recent; i < changes_.size() && name != linear; ++i) {
    Change& all = changes_[i];
    if (all.linear != name || all.by != by) continue;
    ++all.linears;
    join(all.change.before, change.before, all.linears);
    join(all.change.after, change.after, all.linears);
    return;
  }
  changes_.push_back({name, by, 1, change});
}

void RunNotes::add_quantized(const QuantizedLinear& linear) {
  if (!linear.weight_scale.empty() || !linear.exponents.empty())
    scales_[kind_of(linear.spec.name)].add(linear);
  if (!linear.has_input_param()) return;
  const auto value = [&](float code) { return (code - linear.input.offset) * linear.input.scale; };
  const MinMax range{value(-128), value(127)};
  const std::string name = without_expert(linear.spec.name);
  Static& all = statics_[name];
  if (all.linears == 0) static_names_.push_back(name);
  all.range = all.linears == 0 ? range : joined(all.range, range);
  ++all.linears;
}

Json RunNotes::json() const {
  Json json = {
      {"inputs", Json::array()}, {"static_inputs", Json::array()}, {"scales", Json::array()}};
  for (const Change& item : changes_)
    json["inputs"].push_back({{"linear", item.linear},
                              {"linears", item.linears},
                              {"by", item.by},
                              {"statistic", item.change.means ? "mean" : "max"},
                              {"before", summary_json(item.change.before)},
                              {"after", summary_json(item.change.after)}});
  for (const std::string& name : static_names_) {
    const Static& item = statics_.at(name);
    json["static_inputs"].push_back({{"linear", name},
                                     {"linears", item.linears},
                                     {"min", six_digits(item.range.min)},
                                     {"max", six_digits(item.range.max)}});
  }
  for (const auto& [kind, histogram] : scales_)
    json["scales"].push_back(scales_json(kind, histogram));
  return json;
}

RunNotes RunNotes::from_json(const Json& json) {
  RunNotes notes;
  for (const Json& item : json.at("inputs"))
    notes.changes_.push_back({item.at("linear"),
                              item.at("by"),
                              item.at("linears"),
                              {item.at("statistic") == "mean", summary_from(item.at("before")),
                               summary_from(item.at("after"))}});
  for (const Json& item : json.at("static_inputs")) {
    notes.static_names_.push_back(item.at("linear"));
    notes.statics_[notes.static_names_.back()] = {item.at("linears"),
                                                  MinMax{item.at("min"), item.at("max")}};
  }
  for (const Json& item : json.at("scales")) {
    ScaleHistogram& histogram = notes.scales_[item.at("kind").get<std::string>()];
    int bin = item.at("first");
    for (const Json& count : item.at("counts")) histogram.add(bin++, count.get<std::int64_t>());
    histogram.add_others(item.at("others"));
  }
  return notes;
}

}  // namespace msmodelslim
