#include "quantize/flat_matrix.h"

#include <cmath>
#include <numbers>

#include "base/error.h"

namespace msmodelslim {
namespace {

std::size_t at(std::int64_t n, std::int64_t i, std::int64_t j) {
  return static_cast<std::size_t>(i * n + j);
}

// Normal values by Box and Muller, which every library computes alike.
std::vector<double> random_matrix(std::int64_t n, std::mt19937& generator) {
  const auto uniform = [&] { return (static_cast<double>(generator()) + 0.5) / 4294967296.0; };
  std::vector<double> values(static_cast<std::size_t>(n * n));
  for (double& value : values) {
    const double radius = std::sqrt(-2 * std::log(uniform()) / static_cast<double>(n));
    value = radius * std::cos(2 * std::numbers::pi * uniform());
  }
  return values;
}

// a diag(s), or a diag(1 / s).
SmallMatrix scaled(SmallMatrix a, const std::vector<double>& s, bool inverted, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i)
    for (std::int64_t j = 0; j < n; ++j) {
      const double factor = s[static_cast<std::size_t>(j)];
      a[at(n, i, j)] *= inverted ? 1 / factor : factor;
    }
  return a;
}

void add(SmallMatrix& to, const SmallMatrix& from) {
  for (std::size_t i = 0; i < to.size(); ++i) to[i] += from[i];
}

}  // namespace

SmallMatrix cayley(const SmallMatrix& x, std::int64_t n) {
  SmallMatrix minus = identity_matrix(n);
  SmallMatrix plus = minus;
  for (std::int64_t i = 0; i < n; ++i)
    for (std::int64_t j = 0; j < i; ++j) {
      const double half = x[at(n, i, j)] / 2;
      minus[at(n, i, j)] = plus[at(n, j, i)] = -half;
      plus[at(n, i, j)] = minus[at(n, j, i)] = half;
    }
  // I - A/2 has the eigenvalues 1 - i a: it can always be inverted unless a value is not finite.
  const SmallMatrix inverted = inverse(std::move(minus), n);
  if (inverted.empty())
    throw DataError("flatquant: a parameter of a transform is no longer finite",
                    "the calibration inputs or weights have huge values; exclude this linear");
  return product(inverted, plus, n);
}

SmallMatrix cayley_grad(const SmallMatrix& q, const SmallMatrix& h, std::int64_t n) {
  SmallMatrix side = transposed(q, n);
  for (std::int64_t i = 0; i < n; ++i) side[at(n, i, i)] += 1;
  const SmallMatrix da = product(product(side, h, n), side, n);
  SmallMatrix dx(da.size());
  for (std::int64_t i = 0; i < n; ++i)
    for (std::int64_t j = 0; j < i; ++j) dx[at(n, i, j)] = (da[at(n, i, j)] - da[at(n, j, i)]) / 4;
  return dx;
}

FlatMatrix::FlatMatrix(std::int64_t n, std::mt19937& generator)
    : n_(n),
      x_(random_matrix(n, generator)),
      y_(random_matrix(n, generator)),
      p_(std::vector<double>(static_cast<std::size_t>(n), std::log(std::numbers::e - 1))) {
  refresh();
}

void FlatMatrix::refresh() {
  u_ = cayley(x_.values, n_);
  v_ = cayley(y_.values, n_);
  s_ = p_.values;
  for (double& value : s_) value = value > 20 ? value : std::log1p(std::exp(value));
  const SmallMatrix vt = transposed(v_, n_);
  m_ = product(scaled(u_, s_, false, n_), vt, n_);
  n_t_ = product(scaled(u_, s_, true, n_), vt, n_);
}

void FlatMatrix::add_gradient(const SmallMatrix& dm, const SmallMatrix& dn) {
  const SmallMatrix dm_v = product(dm, v_, n_);
  const SmallMatrix dn_v = product(dn, v_, n_);
  SmallMatrix du = scaled(dm_v, s_, false, n_);
  add(du, scaled(dn_v, s_, true, n_));
  SmallMatrix dv = scaled(product(transposed(dm, n_), u_, n_), s_, false, n_);
  add(dv, scaled(product(transposed(dn, n_), u_, n_), s_, true, n_));
  add(x_.gradient, cayley_grad(u_, du, n_));
  add(y_.gradient, cayley_grad(v_, dv, n_));
  for (std::int64_t j = 0; j < n_; ++j) {
    double along = 0;
    double inverted = 0;
    for (std::int64_t i = 0; i < n_; ++i) {
      along += u_[at(n_, i, j)] * dm_v[at(n_, i, j)];
      inverted += u_[at(n_, i, j)] * dn_v[at(n_, i, j)];
    }
    const auto k = static_cast<std::size_t>(j);
    p_.gradient[k] += (along - inverted / (s_[k] * s_[k])) / (1 + std::exp(-p_.values[k]));
  }
}

}  // namespace msmodelslim
