#pragma once
// A type for each part of the model, by what each costs and loses.
//
// Losses of parts are taken to add up. From all parts in their smallest type on, the step to a
// larger type with the most loss saved per bit is taken, one after the other: the assignments on
// the way are the lower convex hull of (bits, loss).

#include <cstdint>
#include <string>
#include <vector>

namespace msmodelslim {

struct MixOption {
  std::string type;
  double bits = 0;  // of the whole part
  double loss = 0;
};

struct MixPart {
  std::string name;
  double weights = 0;              // parameters
  std::vector<MixOption> options;  // by rising bits
};

// options[i] of part i.
using Assignment = std::vector<std::size_t>;

struct MixPoint {
  Assignment assignment;
  double bits = 0;  // per weight, on average
  double loss = 0;  // sum
};

// By rising bits; each differs from the one before in one part.
std::vector<MixPoint> mix_path(const std::vector<MixPart>& parts);

// The last point of the path with at most so many bits per weight, with what is left over given to
// parts that still fit, the most saved per bit first. Nothing fits: the first point.
MixPoint mix_for_bits(const std::vector<MixPart>& parts, double bits);

}  // namespace msmodelslim
