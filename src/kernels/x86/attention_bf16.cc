// Keys and values are rounded and packed once: keys in panels of 32 of them, [dim / 2][key][2],
// values in panels of 32 of their dimensions, [key / 2][dim][2]; zeros fill both up. Then each 14
// queries of a head are multiplied with all keys they see, turned into weights, multiplied with the
// values.
#include "kernels/x86/attention_bf16.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <memory>

#include "base/threads.h"
#include "kernels/ops.h"
#include "kernels/x86/bf16_tile.h"

namespace msmodelslim {
namespace {

constexpr std::int64_t kPanel = 2 * kBf16Cols;  // values of a pair of rows
constexpr std::int64_t kTaskBlocks = 4;         // of queries

// Memory that is kept from call to call.
template <typename T>
class Scratch {
 public:
  T* sized(std::int64_t count) {
    if (count > size_) {
      data_ = std::make_unique_for_overwrite<T[]>(static_cast<std::size_t>(count));
      size_ = count;
    }
    return data_.get();
  }

 private:
  std::unique_ptr<T[]> data_;
  std::int64_t size_ = 0;
};

std::int64_t whole(std::int64_t count, std::int64_t unit) { return (count + unit - 1) / unit; }

void take(const float* x, std::uint16_t* out, std::int64_t count) { bf16_round(x, out, count); }
void take(const std::uint16_t* x, std::uint16_t* out, std::int64_t count) {
  std::copy_n(x, count, out);
}

void scale_rows(const float* factors, std::int64_t rows, float* x, std::int64_t stride) {
  for (std::int64_t r = 0; r < rows; ++r) {
    const float factor = factors[r];
    for (std::int64_t j = 0; j < kBf16Cols; ++j) x[r * stride + j] *= factor;
  }
}

class Attention {
 public:
  Attention(const AttentionShape& shape, const float* q, float* out)
      : shape_(shape),
        q_(q),
        out_(out),
        value_dim_(shape.value_dim > 0 ? shape.value_dim : shape.head_dim),
        dim_pairs_(whole(shape.head_dim, 2)),
        key_panels_(whole(shape.key_rows, kBf16Cols)),
        value_panels_(whole(value_dim_, kBf16Cols)),
        plain_(has_plain_scores(shape)) {}

  template <typename T>
  void pack(const T* k, const T* v) {
    thread_local Scratch<std::uint16_t> keys;
    thread_local Scratch<std::uint16_t> values;
    keys_ = keys.sized(shape_.kv_heads * key_panels_ * dim_pairs_ * kPanel);
    values_ = values.sized(shape_.kv_heads * value_panels_ * key_pairs() * kPanel);
    parallel_for(shape_.kv_heads * key_panels_, [&](std::int64_t task) {
      const std::int64_t head = task % shape_.kv_heads;
      const std::int64_t panel = task / shape_.kv_heads;
      pack_keys(k, head, panel);
      pack_values(v, head, panel);
    });
  }

  void run() {
    const std::int64_t blocks = whole(shape_.query_rows, kBf16Rows);
    const std::int64_t pieces = whole(blocks, kTaskBlocks);
    parallel_for(shape_.heads * pieces, [&](std::int64_t task) {
      // The last queries see the most keys: they go first, so that threads end together.
      const std::int64_t piece = pieces - 1 - task / shape_.heads;
      const std::int64_t end = std::min(blocks, (piece + 1) * kTaskBlocks);
      for (std::int64_t block = piece * kTaskBlocks; block < end; ++block)
        attend(task % shape_.heads, block * kBf16Rows);
    });
  }

 private:
  std::int64_t key_pairs() const { return key_panels_ * kBf16Cols / 2; }

  template <typename T>
  void pack_keys(const T* k, std::int64_t head, std::int64_t panel) {
    const std::int64_t dim = shape_.head_dim;
    std::uint16_t* to = keys_ + (head * key_panels_ + panel) * dim_pairs_ * kPanel;
    thread_local Scratch<std::uint16_t> rounded;
    std::uint16_t* row = rounded.sized(2 * dim_pairs_);
    row[2 * dim_pairs_ - 1] = 0;
    for (std::int64_t c = 0; c < kBf16Cols; ++c) {
      const std::int64_t key = panel * kBf16Cols + c;
      if (key < shape_.key_rows)
        take(k + (key * shape_.kv_heads + head) * dim, row, dim);
      else
        std::fill_n(row, dim, std::uint16_t{0});
      for (std::int64_t p = 0; p < dim_pairs_; ++p)
        std::memcpy(to + p * kPanel + 2 * c, row + 2 * p, 4);
    }
  }

  // Of the 32 keys of a panel of keys, all dimensions.
  template <typename T>
  void pack_values(const T* v, std::int64_t head, std::int64_t panel) {
    thread_local Scratch<std::uint16_t> rounded;
    const std::int64_t width = value_panels_ * kBf16Cols;
    std::uint16_t* rows = rounded.sized(2 * width);
    std::fill_n(rows, 2 * width, std::uint16_t{0});
    for (std::int64_t p = 0; p < kBf16Cols / 2; ++p) {
      const std::int64_t pair = panel * kBf16Cols / 2 + p;
      for (std::int64_t i = 0; i < 2; ++i) {
        const std::int64_t key = 2 * pair + i;
        if (key < shape_.key_rows)
          take(v + (key * shape_.kv_heads + head) * value_dim_, rows + i * width, value_dim_);
        else
          std::fill_n(rows + i * width, value_dim_, std::uint16_t{0});
      }
      for (std::int64_t part = 0; part < value_panels_; ++part) {
        std::uint16_t* to = values_ + ((head * value_panels_ + part) * key_pairs() + pair) * kPanel;
        const std::uint16_t* from = rows + part * kBf16Cols;
        for (std::int64_t j = 0; j < kBf16Cols; ++j) {
          to[2 * j] = from[j];
          to[2 * j + 1] = from[width + j];
        }
      }
    }
  }

  void attend(std::int64_t head, std::int64_t row) {
    const std::int64_t rows = std::min(kBf16Rows, shape_.query_rows - row);
    const std::int64_t past = shape_.key_rows - shape_.query_rows;
    const std::int64_t oldest =
        shape_.window > 0 ? std::max<std::int64_t>(0, past + row - shape_.window + 1) : 0;
    const std::int64_t first = oldest / kBf16Cols;  // panel of keys
    const std::int64_t last = whole(past + row + rows, kBf16Cols);
    const std::int64_t keys = (last - first) * kBf16Cols;
    const std::int64_t kv_head = head / (shape_.heads / shape_.kv_heads);
    thread_local Scratch<float> score_memory;
    float* scores = score_memory.sized(rows * keys);
    const std::uint16_t* query = rounded_queries(head, row, rows);
    for (std::int64_t p = first; p < last; ++p)
      bf16_tile(rows, query, 2 * dim_pairs_,
                keys_ + (kv_head * key_panels_ + p) * dim_pairs_ * kPanel, dim_pairs_,
                scores + (p - first) * kBf16Cols, keys);
    float factors[kBf16Rows];
    const std::uint16_t* weights =
        weights_of(head, row, rows, first * kBf16Cols, keys, scores, factors);
    float* out = out_ + (row * shape_.heads + head) * value_dim_;
    const std::int64_t out_stride = shape_.heads * value_dim_;
    for (std::int64_t part = 0; part < value_panels_; ++part) {
      const std::uint16_t* panel =
          values_ +
          ((kv_head * value_panels_ + part) * key_pairs() + first * kBf16Cols / 2) * kPanel;
      const std::int64_t dims = std::min(kBf16Cols, value_dim_ - part * kBf16Cols);
      float* to = out + part * kBf16Cols;
      if (dims == kBf16Cols) {
        bf16_tile(rows, weights, keys, panel, keys / 2, to, out_stride);
        scale_rows(factors, rows, to, out_stride);
        continue;
      }
      float products[kBf16Rows * kBf16Cols];
      bf16_tile(rows, weights, keys, panel, keys / 2, products, kBf16Cols);
      scale_rows(factors, rows, products, kBf16Cols);
      for (std::int64_t r = 0; r < rows; ++r)
        std::copy_n(products + r * kBf16Cols, dims, to + r * out_stride);
    }
  }

  // [rows][2 * dim_pairs_]
  const std::uint16_t* rounded_queries(std::int64_t head, std::int64_t row, std::int64_t rows) {
    thread_local Scratch<std::uint16_t> rounded;
    std::uint16_t* lines = rounded.sized(2 * dim_pairs_ * rows);
    for (std::int64_t r = 0; r < rows; ++r) {
      std::uint16_t* line = lines + r * 2 * dim_pairs_;
      line[2 * dim_pairs_ - 1] = 0;
      bf16_round(q_ + ((row + r) * shape_.heads + head) * shape_.head_dim, line, shape_.head_dim);
    }
    return lines;
  }

  // Of scores [rows, keys] from key `begin` on. Their products are to be multiplied by `factors`,
  // one for each row.
  const std::uint16_t* weights_of(std::int64_t head, std::int64_t row, std::int64_t rows,
                                  std::int64_t begin, std::int64_t keys, float* scores,
                                  float* factors) {
    thread_local Scratch<std::uint16_t> rounded;
    std::uint16_t* lines = rounded.sized(keys * rows);
    const std::int64_t past = shape_.key_rows - shape_.query_rows;
    for (std::int64_t r = 0; r < rows; ++r) {
      float* score = scores + r * keys - begin;  // by key
      const std::int64_t last = past + row + r;
      const std::int64_t first =
          shape_.window > 0 ? std::max<std::int64_t>(0, last - shape_.window + 1) : 0;
      if (shape_.allowed != nullptr) {
        const std::uint8_t* allowed = shape_.allowed + (row + r) * shape_.key_rows;
        for (std::int64_t j = first; j <= last; ++j)
          if (allowed[j] == 0) score[j] = -std::numeric_limits<float>::infinity();
      }
      std::uint16_t* line = lines + r * keys;
      std::uint16_t* weight = line - begin;
      std::fill(line, weight + first, std::uint16_t{0});
      if (plain_) {
        factors[r] =
            1 / bf16_softmax(score + first, shape_.scale, last - first + 1, weight + first);
      } else {
        score_softmax(shape_, head, score + first, last - first + 1);
        bf16_round(score + first, weight + first, last - first + 1);
        factors[r] = 1;
      }
      std::fill(weight + last + 1, line + keys, std::uint16_t{0});
    }
    return lines;
  }

  const AttentionShape& shape_;
  const float* q_;
  float* out_;
  std::int64_t value_dim_;
  std::int64_t dim_pairs_;
  std::int64_t key_panels_;
  std::int64_t value_panels_;
  bool plain_;
  std::uint16_t* keys_ = nullptr;
  std::uint16_t* values_ = nullptr;
};

}  // namespace

void native_bf16_attention(const AttentionShape& shape, const float* q, const float* k,
                           const float* v, float* out) {
  Attention attention(shape, q, out);
  attention.pack(k, v);
  attention.run();
}

void native_bf16_attention(const AttentionShape& shape, const float* q, const std::uint16_t* k,
                           const std::uint16_t* v, float* out) {
  Attention attention(shape, q, out);
  attention.pack(k, v);
  attention.run();
}

}  // namespace msmodelslim
