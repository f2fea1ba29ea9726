#include "suppress/hadamard.h"

#include <array>
#include <bit>
#include <map>
#include <random>
#include <string_view>

namespace msmodelslim {
namespace {

constexpr std::array<std::int64_t, 15> kOrders = {12,  20,  28,  36,  40,  52,  60, 76,
                                                  108, 136, 140, 156, 160, 172, 200};

using Circulants = std::array<std::string_view, 4>;  // first rows of A, B, C, D

const std::map<std::int64_t, Circulants>& williamson_rows() {
  static const std::map<std::int64_t, Circulants> table = {
      {20, {"+----", "+----", "++--+", "+-++-"}},
      {28, {"+------", "++----+", "+-+--+-", "+--++--"}},
      {36, {"++------+", "+-+----+-", "+--+--+--", "+---++---"}},
      {52, {"+-+--++++--+-", "+---++++++---", "++-+--++--+-+", "+----+--+----"}},
      {60, {"++-++-+--+-++-+", "++-++++--++++-+", "++-++------++-+", "+-+---++++---+-"}},
      {68, {"+-++-+++--+++-++-", "+--+-++++++++-+--", "++-+---+--+---+-+", "+---+++----+++---"}},
      {76,
       {"++--+-++++++++-+--+", "+-+---++++++++---+-", "++-++--+-++-+--++-+",
        "++--+++-+--+-+++--+"}},
      {108,
       {"+---+++++-+-++++-+-+++++---", "+---+++++-+-++++-+-+++++---", "+--+--+-+++--++--+++-+--+--",
        "+++-++-+---++--++---+-++-++"}},
      {156,
       {"+++--+-+-----+--++----++--+-----+-+--++", "++++---+--++----+-+--+-+----++--+---+++",
        "+++--++-+---+-+--+----+--+-+---+-++--++", "+---++-+-+-----+++-++-+++-----+-+-++---"}},
      {172,
       {"+---++--++++-+-+++-++--++-+++-+-++++--++---",
        "++-++++++----+-+--++-++-++--+-+----++++++-+",
        "+++-+-++--+-+-++++-+----+-++++-+-+--++-+-++",
        "++---++++-+--+--++--------++--+--+-++++---+"}},
  };
  return table;
}

std::vector<float> williamson(const Circulants& rows) {
  // Block (r, c) of the matrix: which circulant, with which sign.
  constexpr int kBlock[4][4] = {{0, 1, 2, 3}, {1, 0, 3, 2}, {2, 3, 0, 1}, {3, 2, 1, 0}};
  constexpr int kSign[4][4] = {{1, 1, 1, 1}, {-1, 1, -1, 1}, {-1, 1, 1, -1}, {-1, -1, 1, 1}};
  const auto m = static_cast<std::int64_t>(rows[0].size());
  const std::int64_t k = 4 * m;
  std::vector<float> h(static_cast<std::size_t>(k * k));
  for (std::int64_t i = 0; i < k; ++i)
    for (std::int64_t j = 0; j < k; ++j) {
      const std::string_view row = rows[static_cast<std::size_t>(kBlock[i / m][j / m])];
      const bool plus = row[static_cast<std::size_t>((j % m - i % m + m) % m)] == '+';
      h[static_cast<std::size_t>(i * k + j)] =
          static_cast<float>(plus ? kSign[i / m][j / m] : -kSign[i / m][j / m]);
    }
  return h;
}

// 1 for a square modulo the prime q, else -1.
float quadratic_character(std::int64_t value, std::int64_t q) {
  const std::int64_t residue = (value % q + q) % q;
  for (std::int64_t x = 1; x < q; ++x)
    if (x * x % q == residue) return 1;
  return -1;
}

std::vector<float> paley(std::int64_t k) {
  const std::int64_t q = k - 1;
  std::vector<float> character(static_cast<std::size_t>(q), 1);  // 0 stands for the diagonal
  for (std::int64_t d = 1; d < q; ++d)
    character[static_cast<std::size_t>(d)] = quadratic_character(d, q);
  std::vector<float> h(static_cast<std::size_t>(k * k), 1);
  for (std::int64_t j = 1; j < k; ++j) h[static_cast<std::size_t>(j)] = -1;
  for (std::int64_t i = 0; i < q; ++i)
    for (std::int64_t j = 0; j < q; ++j)
      h[static_cast<std::size_t>((i + 1) * k + j + 1)] =
          character[static_cast<std::size_t>((i - j + q) % q)];
  return h;
}

std::vector<float> doubled(const std::vector<float>& b, std::int64_t half) {
  const std::int64_t k = 2 * half;
  std::vector<float> h(static_cast<std::size_t>(k * k));
  for (std::int64_t i = 0; i < k; ++i)
    for (std::int64_t j = 0; j < k; ++j) {
      const float value = b[static_cast<std::size_t>(i % half * half + j % half)];
      h[static_cast<std::size_t>(i * k + j)] = i >= half && j >= half ? -value : value;
    }
  return h;
}

}  // namespace

std::int64_t hadamard_factor(std::int64_t n) {
  if (n < 1) return 0;
  for (auto k = kOrders.rbegin(); k != kOrders.rend(); ++k)
    if (n % *k == 0 && std::has_single_bit(static_cast<std::uint64_t>(n / *k))) return *k;
  return std::has_single_bit(static_cast<std::uint64_t>(n)) ? 1 : 0;
}

std::vector<float> hadamard_table(std::int64_t k) {
  switch (k) {
    case 1:
      return {1};
    case 12:
    case 140:
    case 200:
      return paley(k);
    case 40:
      return doubled(williamson(williamson_rows().at(20)), 20);
    case 136:
      return doubled(williamson(williamson_rows().at(68)), 68);
    case 160:
      return doubled(paley(80), 80);
    default:
      return williamson(williamson_rows().at(k));
  }
}

std::vector<float> random_signs(std::int64_t n) {
  std::mt19937 generator(1234);
  std::vector<float> signs(static_cast<std::size_t>(n));
  for (float& sign : signs) sign = (generator() & 1U) != 0 ? 1.0F : -1.0F;
  return signs;
}

}  // namespace msmodelslim
