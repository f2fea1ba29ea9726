// Which combinations of the traditional arguments exist, and the type that follows from them.

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>

#include "base/ascii.h"
#include "recipe/v0_options.h"

namespace msmodelslim {
namespace {

constexpr std::array kMixTypes = {"w8a8", "w8a16", "w8a8_dynamic", "float", "w4a8_dynamic"};

bool sparse(const V0Options& o) { return o.co_sparse || (o.is_lowbit && !o.is_dynamic); }

// 2.5; empty: there is no such type.
std::string type_of(const V0Options& o) {
  const bool weights8 = o.w_bit == 8;
  if (o.is_dynamic && o.w_bit == 4 && o.a_bit == 4) return "W4A4_FLATQUANT_DYNAMIC";
  if (o.is_dynamic)
    return o.a_bit != 8 ? "" : weights8 ? "W8A8_DYNAMIC" : o.w_bit == 4 ? "W4A8_DYNAMIC" : "";
  if (o.co_sparse) return "W8A8S";
  if (weights8 && o.a_bit == 8) return o.pdmix ? "W8A8_MIX" : "W8A8";
  if (o.a_bit == 16) return weights8 ? "W8A16" : o.w_bit == 4 ? "W4A16" : "";
  return o.is_lowbit && o.w_bit == 4 && o.a_bit == 8 ? "W8A8S" : "";
}

void check_bits(const V0Options& o, const V0Problem& problem) {
  for (const auto& [field, bits] : {std::pair{"w_bit", o.w_bit}, {"a_bit", o.a_bit}})
    if (bits != 4 && bits != 8 && bits != 16)
      problem(field, fmt::format("is {}, there are 4, 8 and 16 bits", bits));
  if (o.w_bit == 4 && o.a_bit == 4) {
    if (!o.is_dynamic) problem("is_dynamic", "must be true with w_bit 4 and a_bit 4");
    if (!o.w_sym) problem("w_sym", "must be true with w_bit 4 and a_bit 4");
    if (!o.disable_last_linear)
      problem("disable_last_linear", "must be true with w_bit 4 and a_bit 4");
  }
  if (o.w_bit == 16 && o.a_bit == 16) problem("w_bit", "16 with a_bit 16 quantizes nothing");
}

void check_methods(const V0Options& o, const V0Problem& problem) {
  if (o.act_method < 1 || o.act_method > 3)
    problem("act_method", fmt::format("is {}, known are 1 (min-max), 2 (histogram) and 3 (the "
                                      "better one for each linear)",
                                      o.act_method));
  if (o.act_method == 3 && o.is_lowbit) problem("act_method", "3 does not go with is_lowbit");
  if (o.w_method == "NF")
    problem("w_method",
            "NF writes files that nobody can read: the scales of its blocks have no place; use "
            "MinMax, GPTQ or HQQ");
  else if (o.w_method != "MinMax" && o.w_method != "GPTQ" && o.w_method != "HQQ")
    problem("w_method",
            fmt::format("'{}' is unknown; known values: MinMax, GPTQ, HQQ, NF", o.w_method));
  else if (o.w_method != "MinMax" && !o.type.empty() &&
           (o.type == "W8A8" || o.type == "W8A8_MIX" || o.type == "W8A8S" ||
            o.type == "W4A8_DYNAMIC" || o.type == "W4A4_FLATQUANT_DYNAMIC"))
    problem("w_method",
            fmt::format("{} does not go with {}, only MinMax does", o.w_method, o.type));
  else if (o.w_method != "MinMax" && o.is_lowbit && o.weight_group == 0)
    problem("w_method", fmt::format("{} with is_lowbit needs open_outlier false", o.w_method));
  if (!(o.percdamp >= 0 && o.percdamp <= 1)) problem("percdamp", "must be between 0 and 1");
}

void check_sparse(const V0Options& o, const V0Problem& problem) {
  if (!(o.fraction >= 0.01 && o.fraction <= 0.1))
    problem("fraction", fmt::format("is {}, must be between 0.01 and 0.1", o.fraction));
  if (!(o.sigma_factor >= 3 && o.sigma_factor <= 4))
    problem("sigma_factor", fmt::format("is {}, must be between 3.0 and 4.0", o.sigma_factor));
  if (o.nonuniform) problem("nonuniform", "levels that are not even have no place in the files");
  if (o.do_smooth)
    problem("do_smooth", "is no part of this program; anti_method m4 or m6 does such smoothing");
  if (o.pr != 1) problem("pr", "random keeping of float values is not done; use 1.0");
}

void check_groups(const V0Options& o, const V0Problem& problem) {
  if (o.weight_group > 0 &&
      (o.group_size < 32 || o.group_size > 256 || (o.group_size & (o.group_size - 1)) != 0))
    problem("group_size", fmt::format("is {}, known are 32, 64, 128 and 256", o.group_size));
  if (o.weight_group > 0 && o.w_bit == 4 && o.a_bit == 8 && !o.is_dynamic)
    problem("open_outlier", "false with w_bit 4 and a_bit 8 needs is_dynamic true");
  if (o.w_bit == 4 && o.a_bit == 8 && !sparse(o) && !(o.is_dynamic && o.weight_group > 0))
    problem("w_bit",
            "4 with a_bit 8 is either sparse (co_sparse, or is_lowbit without is_dynamic) or has "
            "is_dynamic true, is_lowbit true and open_outlier false");
}

void check_mix(const V0Options& o, const V0Problem& problem) {
  for (const auto& [pattern, type] : o.mix_cfg) {
    const std::string where = "mix_cfg." + pattern;
    if (std::find(kMixTypes.begin(), kMixTypes.end(), type) == kMixTypes.end())
      problem(where, fmt::format("'{}' is unknown; known values: w8a8, w8a16, w8a8_dynamic, float, "
                                 "w4a8_dynamic",
                                 type));
    else if (type == "w4a8_dynamic" && o.type != "W4A8_DYNAMIC")
      problem(where,
              "w4a8_dynamic needs w_bit 4, a_bit 8, is_dynamic, is_lowbit and open_outlier "
              "false");
    else if (type != "float" && type != "w4a8_dynamic" && o.w_bit != 8 && o.a_bit != 4 && !o.mixes)
      problem(where, fmt::format("{} needs w_bit 8", type));
    else if (type != "float" && type != "w8a16" && !o.w_sym)
      problem(where, fmt::format("{} needs w_sym true", type));
  }
}

void check_anti(const V0Anti& anti, const V0Problem& problem) {
  const std::string& m = anti.method;
  if (m.size() != 2 || m[0] != 'm' || m[1] < '1' || m[1] > '6')
    problem("anti_method", fmt::format("'{}' is unknown; known values: m1 to m6", m));
  if (anti.w_bit != 4 && anti.w_bit != 8) problem("anti_cfg.w_bit", "must be 4 or 8");
  if (anti.a_bit != 8 && !(anti.a_bit == 16 && m == "m3"))
    problem("anti_cfg.a_bit", "must be 8; 16 goes with m3 only");
  if (!anti.w_sym && m != "m3") problem("anti_cfg.w_sym", "false goes with m3 only");
  if (!anti.disable_names.empty() && m != "m3" && m != "m4" && m != "m6")
    problem("disable_anti_names", fmt::format("{} does not look at them, m3, m4 and m6 do", m));
}

// The number behind the L, or -1.
int level_of(const std::string& text) {
  if (text.size() < 2 || text.size() > 9 || text[0] != 'L') return -1;
  if (text.size() > 2 && text[1] == '0') return -1;
  int level = 0;
  for (const char c : text.substr(1)) {
    if (c < '0' || c > '9') return -1;
    level = 10 * level + (c - '0');
  }
  return level;
}

}  // namespace

std::string V0Options::written_type() const { return mindie && type == "W8A8_MIX" ? "W8A8" : type; }

std::string V0Options::stem() const {
  if (!safetensors_name.empty()) return safetensors_name;
  return "quant_model_weight_" + ascii_lower(written_type());
}

void resolve_v0(V0Options* options, const V0Problem& problem) {
  V0Options& o = *options;
  if (o.is_lowbit) o.co_sparse = false;
  if (o.co_sparse) {
    o.w_bit = 4;
    o.a_bit = 8;
  }
  const bool grouped =
      o.is_lowbit && !o.open_outlier && (o.a_bit == 16 || (o.w_bit == 4 && o.a_bit == 8));
  o.weight_group = grouped ? o.group_size : 0;
  if (grouped) o.mm_tensor = false;
  check_bits(o, problem);
  o.type = type_of(o);
  if (o.type.empty() && !(o.w_bit == 16 && o.a_bit == 16) && !(o.w_bit == 4 && o.a_bit == 8) &&
      !(o.w_bit == 4 && o.a_bit == 4))
    problem("w_bit", fmt::format("{} with a_bit {}{} is no type of this format", o.w_bit, o.a_bit,
                                 o.is_dynamic ? " and is_dynamic" : ""));
  if (o.a_bit == 8 && !o.w_sym) problem("w_sym", "must be true with a_bit 8");
  if (o.use_kvcache_quant && o.use_fa_quant)
    problem("use_fa_quant", "does not go with use_kvcache_quant");
  check_methods(o, problem);
  check_sparse(o, problem);
  check_groups(o, problem);
  if (o.pdmix && o.type != "W8A8_MIX") problem("pdmix", "needs w_bit 8, a_bit 8, not is_dynamic");
  check_mix(o, problem);
  if (o.anti) check_anti(*o.anti, problem);
  o.level = level_of(o.disable_level);
  if (o.level < 0)
    problem("disable_level",
            fmt::format("'{}' is no level: L0, L1, L2 and so on", o.disable_level));
}

std::vector<std::string> v0_warnings(const V0Options& o) {
  std::vector<std::string> warnings;
  if (o.mm_tensor)
    warnings.emplace_back(
        "mm_tensor is true (its default): one scale for each whole weight, which costs accuracy; "
        "mm_tensor: false gives one per output row");
  if (o.anti && o.a_bit == 16 && o.anti->method != "m3")
    warnings.push_back(
        fmt::format("anti_method {} prepares 8-bit activations, but a_bit is 16", o.anti->method));
  if (o.anti && (o.anti->method == "m2" || o.anti->method == "m5"))
    warnings.push_back(o.anti->method == "m2"
                           ? "anti_method m2: Outlier Suppression+ (arXiv 2304.09145), with a "
                             "search of our own for its threshold"
                           : "anti_method m5: the outlier detection of CBQ (arXiv 2312.07950)");
  return warnings;
}

}  // namespace msmodelslim
