#pragma once
// tokenizer.model: a SentencePiece model, which is one message of Protocol Buffers.
//
//   message := { key value }       key = varint(field << 3 | wire type)
//   value   := varint (0) | 8 bytes (1) | varint length, bytes (2) | 4 bytes (5)
//
//   ModelProto      1 pieces, repeated   2 trainer_spec   3 normalizer_spec
//   SentencePiece   1 piece              2 score          3 type
//   TrainerSpec     3 model_type   24 treat_whitespace_as_suffix   35 byte_fallback
//                   40-43 unk_id, bos_id, eos_id, pad_id
//   NormalizerSpec  2 precompiled_charsmap   3 add_dummy_prefix   4 remove_extra_whitespaces
//                   5 escape_whitespaces
//
// Of a field that appears twice the last one counts; unknown fields are passed over.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace msmodelslim {

enum class PieceType : std::uint8_t {
  kNormal = 1,
  kUnknown = 2,
  kControl = 3,
  kUserDefined = 4,
  kUnused = 5,
  kByte = 6,
};

struct SpmPiece {
  std::string_view text;  // valid UTF-8, not empty
  float score = 0;        // not NaN
  PieceType type = PieceType::kNormal;
};

struct SpmModel {
  enum class Kind { kUnigram = 1, kBpe = 2 };

  std::vector<SpmPiece> pieces;  // views into the bytes that were read
  Kind kind = Kind::kUnigram;
  bool byte_fallback = false;
  bool whitespace_as_suffix = false;
  std::int64_t unk_id = 0;  // -1: none, as for the others
  std::int64_t bos_id = 1;
  std::int64_t eos_id = 2;
  std::int64_t pad_id = -1;
  std::string_view charsmap;
  bool dummy_prefix = true;
  bool remove_extra_whitespaces = true;
  bool escape_whitespaces = true;

  bool has(std::int64_t id) const {
    return id >= 0 && id < static_cast<std::int64_t>(pieces.size());
  }
};

// Whether `bytes` begins as a SentencePiece model does, rather than a text.
inline bool is_spm_model(std::string_view bytes) { return bytes.starts_with('\x0a'); }

// `bytes` must outlive the model. Throws DataError that names `where`.
SpmModel read_spm_model(std::string_view bytes, const std::string& where);

}  // namespace msmodelslim
