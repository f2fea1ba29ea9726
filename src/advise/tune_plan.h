#pragma once
// Plan files of `tune`: what is searched, and when a result is good enough (analysis
// reference 2.2).
//
//   strategy    {type: standing_high | standing_high_with_experience | binary_fallback | auto, ...}
//   evaluation  {type: service_oriented, demand: {expectations: [{dataset, target, tolerance}]},
//                evaluation: {datasets: {<name>: {data, examples, shots, limit}}, ...}}
//
// Ours: `type: auto` (see tune_auto.h); the datasets `kl` and `perplexity`, of which less is better
// and which need no file; the others are tasks of `eval` with their file as `data`;
// `evaluation.evaluation.type: command` with `command`, a shell line in which {model} is the
// folder and whose last line of output is {"<dataset>": <figure>, ...}; `server`, a command that is
// kept running beside it, and `base_url`, where it answers. `type: openai`: tasks are asked of the
// server at `base_url` (/completions), under `served_model_name`.

#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "recipe/recipe.h"

namespace msmodelslim {

struct Expectation {
  std::string dataset;
  double target = 0;
  double tolerance = 0;
};

struct TuneDataset {
  std::string data;
  std::string examples;
  std::optional<int> shots;
  std::int64_t limit = 0;
};

struct TuneEvaluation {
  std::vector<Expectation> expectations;
  std::map<std::string, TuneDataset> datasets;
  std::string command;          // "": our own evaluation
  std::int64_t timeout = 7200;  // seconds of one command
  std::string server;           // "": none
  bool asks_server = false;     // tasks go to base_url
  std::string base_url;
  std::string served_model_name;       // "": the first that the server names
  std::int64_t startup_timeout = 600;  // seconds
};

// Recipes are `anti` in front of the template's processors; see tune_search.h.
struct StandingHigh {
  std::vector<YamlValue> anti;  // lists of processors
  Recipe base;                  // the template
};

struct BinaryFallback {
  Recipe base;
  std::vector<std::string> path;        // of the list that grows, into the recipe's document
  std::vector<std::string> candidates;  // empty: blocks by sensitivity
  std::string dataset;                  // of the analysis
};

struct AutoSearch {
  Recipe base;
};

// Of the command line only: a type for each part, see mix_model.h. One of the two is set.
struct MixSearch {
  std::optional<double> target_bits;
  std::optional<double> max_kl;
  std::vector<std::string> types;
};

using Strategy = std::variant<StandingHigh, BinaryFallback, AutoSearch, MixSearch>;

struct TunePlan {
  Strategy strategy;
  TuneEvaluation evaluation;
  std::string evaluation_text;  // as YAML; part of what a cached trial depends on
};

// UsageError lists all problems with path and line. `where` is named in it.
TunePlan parse_tune_plan(const std::string& text, const std::string& where);

// "1D2H3M4S" in seconds: any parts, in this order, at least one. UsageError for others.
std::int64_t parse_duration(const std::string& text);

// True when less of it is better: kl, perplexity.
bool is_loss(const std::string& dataset);
bool meets(const Expectation& expectation, double figure);

// The recipe of one spec, named `config_id`.
Recipe recipe_of_spec(YamlValue spec, const std::string& config_id);

}  // namespace msmodelslim
