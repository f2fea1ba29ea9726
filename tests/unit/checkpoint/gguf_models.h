#pragma once
// Tiny models in GGUF form, their values numbered so that every weight can be recognised, and
// folders to put them.

#include <unistd.h>

#include <fstream>
#include <string>
#include <vector>

#include "base/files.h"
#include "gguf_builder.h"

namespace msmodelslim::testing {

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string path = (fs::temp_directory_path() / "gguf-test-XXXXXX").string();
    path_ = ::mkdtemp(path.data());
  }
  ~TemporaryFolder() { fs::remove_all(path_); }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  std::string operator/(const std::string& name) const { return (path_ / name).string(); }
  std::vector<std::string> names() const {
    std::vector<std::string> list;
    for (const auto& entry : fs::directory_iterator(path_)) list.push_back(entry.path().filename());
    return list;
  }

 private:
  fs::path path_;
};

inline std::string write_model(const TemporaryFolder& folder, const std::string& name,
                               const GgufBuilder& builder) {
  const std::vector<std::byte> bytes = builder.build();
  std::ofstream out(folder / name, std::ios::binary);
  out.write(reinterpret_cast<const char*>(bytes.data()),
            static_cast<std::streamsize>(bytes.size()));
  return folder / name;
}

// start, start + 1, ...: exact in bfloat16 below 256.
inline std::vector<float> count_from(float start, std::size_t count) {
  std::vector<float> values(count);
  for (std::size_t i = 0; i < count; ++i) values[i] = start + static_cast<float>(i);
  return values;
}

// One layer, hidden 8, two heads of 4 (one KV head), MLP 4, six tokens; byte-level BPE, tied.
inline GgufBuilder tiny_model(const std::string& arch, const std::string& pre) {
  GgufBuilder b;
  b.set("general.architecture", arch);
  const std::string p = arch + ".";
  b.set(p + "block_count", 1U).set(p + "context_length", 64U).set(p + "embedding_length", 8U);
  b.set(p + "feed_forward_length", 4U).set(p + "attention.head_count", 2U);
  b.set(p + "attention.head_count_kv", 1U).set(p + "rope.freq_base", 10000.0F);
  b.set(p + "attention.layer_norm_rms_epsilon", 1e-6F);
  b.set("tokenizer.ggml.model", "gpt2").set("tokenizer.ggml.pre", pre);
  b.set("tokenizer.ggml.tokens",
        std::vector<std::string>{"a", "b", "ab", "<|end|>", "<tool_call>", "[PAD5]"});
  b.set("tokenizer.ggml.token_type", std::vector<std::int32_t>{1, 1, 1, 3, 4, 5});
  b.set("tokenizer.ggml.merges", std::vector<std::string>{"a b"});
  b.set("tokenizer.ggml.eos_token_id", 3U).set("tokenizer.chat_template", "{{ x }}");
  b.tensor("token_embd.weight", {8, 6}, count_from(0, 48));
  b.tensor("output_norm.weight", {8}, count_from(1, 8));
  b.tensor("blk.0.attn_norm.weight", {8}, count_from(2, 8));
  b.tensor("blk.0.ffn_norm.weight", {8}, count_from(3, 8));
  b.tensor("blk.0.attn_q.weight", {8, 8}, count_from(0, 64));
  b.tensor("blk.0.attn_k.weight", {8, 4}, count_from(0, 32));
  b.tensor("blk.0.attn_v.weight", {8, 4}, count_from(5, 32));
  b.tensor("blk.0.attn_output.weight", {8, 8}, count_from(6, 64));
  b.tensor("blk.0.ffn_gate.weight", {8, 4}, count_from(7, 32));
  b.tensor("blk.0.ffn_up.weight", {8, 4}, count_from(8, 32));
  b.tensor("blk.0.ffn_down.weight", {4, 8}, count_from(9, 32));
  if (arch == "qwen2") {
    b.tensor("blk.0.attn_q.bias", {8}, count_from(20, 8));
    b.tensor("blk.0.attn_k.bias", {4}, count_from(21, 4));
    b.tensor("blk.0.attn_v.bias", {4}, count_from(22, 4));
  }
  if (arch == "qwen3") {
    b.tensor("blk.0.attn_q_norm.weight", {4}, count_from(30, 4));
    b.tensor("blk.0.attn_k_norm.weight", {4}, count_from(31, 4));
  }
  return b;
}

}  // namespace msmodelslim::testing
