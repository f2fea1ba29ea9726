#pragma once
// Scores of layers, the most sensitive first, and the text that `analyze` prints of them.
// Source: analysis reference 1.7.

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

namespace msmodelslim {

struct LayerScore {
  std::string name;
  double score = 0;
  double error = 0;  // standard error, where there is one
};

// Neighbours of one name, the two blocks of a layer, become their sum.
void join_names(std::vector<LayerScore>* scores);

// By falling score; equal ones keep their order.
void sort_scores(std::vector<LayerScore>* scores);

// How many of the sorted scores stand in the first `topk` runs of equal ones.
std::size_t shown_count(const std::vector<LayerScore>& sorted, std::size_t topk);

// "['*', 'a']" as Python prints a list.
std::string python_list(const std::vector<std::string>& texts);

// The pattern that keeps a layer float: a linear's own name, `<block>.*` of a block.
std::string exclude_pattern(const std::string& name, bool is_block);

// The lines; `log` gets those that have the log's prefix, `plain` those to paste.
using LineSink = std::function<void(const std::string&)>;
void print_ranking(const std::vector<LayerScore>& sorted, std::size_t topk,
                   const std::string& method, const std::vector<std::string>& patterns, bool blocks,
                   const LineSink& log, const LineSink& plain);

}  // namespace msmodelslim
