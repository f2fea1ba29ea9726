#include "text/spm_proto.h"

#include <bit>

#include "base/error.h"
#include "text/utf8.h"
#include "text/vocabulary.h"

namespace msmodelslim {
namespace {

constexpr const char* kRemedy = "the file is damaged or cut; download tokenizer.model again";

// The fields of one message, one after the other.
class ProtoReader {
 public:
  ProtoReader(std::string_view bytes, const std::string& where) : rest_(bytes), where_(where) {}

  // Reads the next field; false at the end.
  bool next() {
    if (rest_.empty()) return false;
    const std::uint64_t key = take_varint();
    field_ = key >> 3;
    wire_ = key & 7;
    switch (wire_) {
      case 0:
        number_ = take_varint();
        break;
      case 1:
        bytes_ = take(8);
        break;
      case 2:
        bytes_ = take(take_varint());
        break;
      case 5:
        bytes_ = take(4);
        break;
      default:
        fail(fmt::format("wire type {}", wire_));
    }
    return true;
  }

  std::uint64_t field() const { return field_; }
  std::uint64_t number() const {
    require(0);
    return number_;
  }
  bool flag() const { return number() != 0; }
  // int32, negative ones are sign-extended to 64 bits.
  std::int64_t integer() const { return static_cast<std::int32_t>(number()); }
  std::string_view bytes() const {
    require(2);
    return bytes_;
  }
  float real() const {
    require(5);
    std::uint32_t bits = 0;
    for (std::size_t i = 0; i < 4; ++i)
      bits |= static_cast<std::uint32_t>(static_cast<std::uint8_t>(bytes_[i])) << (8 * i);
    return std::bit_cast<float>(bits);
  }

  [[noreturn]] void fail(const std::string& problem) const {
    throw DataError(fmt::format("{}: not a valid SentencePiece model: {}", where_, problem),
                    kRemedy);
  }

 private:
  void require(std::uint64_t wire) const {
    if (wire_ != wire) fail(fmt::format("field {} has the wire type {}", field_, wire_));
  }

  std::string_view take(std::uint64_t count) {
    if (count > rest_.size())
      fail(fmt::format("a field of {} bytes where {} are left", count, rest_.size()));
    const std::string_view taken = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return taken;
  }

  std::uint64_t take_varint() {
    std::uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      const auto byte = static_cast<std::uint8_t>(take(1)[0]);
      value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
      if ((byte & 0x80) == 0) return value;
    }
    fail("a number longer than 10 bytes");
  }

  std::string_view rest_;
  const std::string& where_;
  std::uint64_t field_ = 0;
  std::uint64_t wire_ = 0;
  std::uint64_t number_ = 0;
  std::string_view bytes_;
};

SpmPiece read_piece(std::string_view bytes, std::size_t id, const std::string& where) {
  SpmPiece piece;
  ProtoReader fields(bytes, where);
  while (fields.next()) {
    if (fields.field() == 1) piece.text = fields.bytes();
    if (fields.field() == 2) piece.score = fields.real();
    if (fields.field() != 3) continue;
    if (fields.number() < 1 || fields.number() > 6)
      fields.fail(fmt::format("piece {} has the type {}", id, fields.number()));
    piece.type = static_cast<PieceType>(fields.number());
  }
  if (piece.text.empty() || !is_valid_utf8(piece.text))
    fields.fail(fmt::format("the text of piece {} is empty or not UTF-8", id));
  if (!(piece.score == piece.score))
    fields.fail(fmt::format("the score of piece {} is not a number", id));
  return piece;
}

void read_trainer(std::string_view bytes, SpmModel& model, const std::string& where) {
  std::uint64_t kind = 1;
  ProtoReader fields(bytes, where);
  while (fields.next()) {
    switch (fields.field()) {
      case 3:
        kind = fields.number();
        break;
      case 24:
        model.whitespace_as_suffix = fields.flag();
        break;
      case 35:
        model.byte_fallback = fields.flag();
        break;
      case 40:
        model.unk_id = fields.integer();
        break;
      case 41:
        model.bos_id = fields.integer();
        break;
      case 42:
        model.eos_id = fields.integer();
        break;
      case 43:
        model.pad_id = fields.integer();
        break;
      default:
        break;
    }
  }
  if (kind != 1 && kind != 2)
    throw DataError(fmt::format("{}: SentencePiece models of type {} are not supported", where,
                                kind == 3   ? "WORD"
                                : kind == 4 ? "CHAR"
                                            : std::to_string(kind)),
                    "supported are BPE and Unigram; give token ids instead of text");
  model.kind = static_cast<SpmModel::Kind>(kind);
}

void read_normalizer(std::string_view bytes, SpmModel& model, const std::string& where) {
  ProtoReader fields(bytes, where);
  while (fields.next()) {
    if (fields.field() == 2) model.charsmap = fields.bytes();
    if (fields.field() == 3) model.dummy_prefix = fields.flag();
    if (fields.field() == 4) model.remove_extra_whitespaces = fields.flag();
    if (fields.field() == 5) model.escape_whitespaces = fields.flag();
  }
}

}  // namespace

SpmModel read_spm_model(std::string_view bytes, const std::string& where) {
  SpmModel model;
  ProtoReader fields(bytes, where);
  while (fields.next()) {
    if (fields.field() == 1) {
      if (static_cast<std::int64_t>(model.pieces.size()) > Vocabulary::kMaxId)
        fields.fail(fmt::format("more than {} pieces", Vocabulary::kMaxId));
      model.pieces.push_back(read_piece(fields.bytes(), model.pieces.size(), where));
    }
    if (fields.field() == 2) read_trainer(fields.bytes(), model, where);
    if (fields.field() == 3) read_normalizer(fields.bytes(), model, where);
  }
  if (model.pieces.empty()) fields.fail("it has no pieces");
  return model;
}

}  // namespace msmodelslim
