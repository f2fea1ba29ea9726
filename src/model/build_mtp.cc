#include "model/build_mtp.h"

#include <fmt/format.h>

#include "model/build_entries.h"

namespace msmodelslim {
namespace {

MtpTable table_of(const CheckpointReader& checkpoint, const std::string& name,
                  const std::string& of_model) {
  return {name, checkpoint.has(name + ".weight") ? name : of_model};
}

MtpSpec joined_mtp(const ModelSpec& model, const CheckpointReader& checkpoint,
                   const std::string& block, double eps) {
  MtpSpec mtp;
  const std::int64_t hidden = model.hidden;
  mtp.embedding_norm = {block + ".enorm", hidden, eps};
  mtp.hidden_norm = {block + ".hnorm", hidden, eps};
  mtp.projection = {block + ".eh_proj", 2 * hidden, hidden, false, Role::kNextToken, ""};
  mtp.head_norm = {block + ".shared_head.norm", hidden, eps};
  mtp.embedding = table_of(checkpoint, block + ".embed_tokens", model.embedding);
  mtp.head = table_of(checkpoint, block + ".shared_head.head",
                      model.tied ? model.embedding : model.head.name);
  return mtp;
}

// Of every stream (reference: models 2.15).
MtpSpec stream_mtp(const ModelConfig& config, const ModelSpec& model,
                   const CheckpointReader& checkpoint, const std::string& block, double eps) {
  MtpSpec mtp;
  const std::int64_t hidden = model.hidden;
  mtp.embedding_norm = {block + ".enorm", hidden, eps};
  mtp.hidden_norm = {block + ".hnorm", hidden, eps};
  mtp.projection = {block + ".e_proj", hidden, hidden, false, Role::kNextToken, ""};
  mtp.hidden_projection =
      LinearSpec{block + ".h_proj", hidden, hidden, false, Role::kNextToken, ""};
  mtp.head_norm = {block + ".norm", hidden, eps};
  mtp.head_hyper = build_hyper(config, block + ".hc_head", eps);
  mtp.embedding = table_of(checkpoint, block + ".emb.tok_emb", model.embedding);
  mtp.head = table_of(checkpoint, block + ".head", model.head.name);
  return mtp;
}

}  // namespace

std::string mtp_name(const ModelSpec& model, const std::string& layers, std::int64_t index) {
  if (model.head_hyper) return fmt::format("mtp.{}", index);
  return fmt::format("{}.{}", layers, static_cast<std::int64_t>(model.blocks.size()));
}

bool has_mtp(const ModelSpec& model, const CheckpointReader& checkpoint, const std::string& block) {
  return checkpoint.has(block + (model.head_hyper ? ".e_proj.weight" : ".eh_proj.weight"));
}

MtpSpec build_mtp(const ModelConfig& config, const ModelSpec& model,
                  const CheckpointReader& checkpoint, const std::string& block, double eps) {
  return model.head_hyper ? stream_mtp(config, model, checkpoint, block, eps)
                          : joined_mtp(model, checkpoint, block, eps);
}

}  // namespace msmodelslim
