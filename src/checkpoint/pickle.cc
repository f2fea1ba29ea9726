#include "checkpoint/pickle.h"

#include <algorithm>
#include <array>
#include <deque>
#include <map>
#include <optional>

#include "base/error.h"

namespace msmodelslim {
namespace {

constexpr const char* kRemedy =
    "only state dicts of tensors are read, and nothing in the file is executed; use the model's "
    "*.safetensors, or convert it with a tool that you trust the file with";

enum class Kind {
  kNone,
  kBool,
  kInt,
  kFloat,
  kText,
  kList,
  kTuple,
  kDict,
  kName,
  kStorage,
  kTensor
};

// Lists, tuples and dicts (key, value, key, value, ...) hold numbers of other nodes.
struct Node {
  Kind kind = Kind::kNone;
  std::int64_t integer = 0;
  std::string_view text;  // kText; kName: "module name"; kStorage: its key
  std::vector<std::size_t> items;
  DType dtype = DType::kF32;  // kStorage, kTensor
  std::string_view storage;   // kTensor
  Shape shape;
};

struct StorageType {
  std::string_view name;
  DType dtype;
};
constexpr std::array<StorageType, 10> kStorages = {{{"torch FloatStorage", DType::kF32},
                                                    {"torch HalfStorage", DType::kF16},
                                                    {"torch BFloat16Storage", DType::kBF16},
                                                    {"torch DoubleStorage", DType::kF64},
                                                    {"torch LongStorage", DType::kI64},
                                                    {"torch IntStorage", DType::kI32},
                                                    {"torch ShortStorage", DType::kI16},
                                                    {"torch CharStorage", DType::kI8},
                                                    {"torch ByteStorage", DType::kU8},
                                                    {"torch BoolStorage", DType::kBool}}};
constexpr std::string_view kOrderedDict = "collections OrderedDict";
constexpr std::string_view kRebuildTensor = "torch._utils _rebuild_tensor_v2";
constexpr std::string_view kRebuildParameter = "torch._utils _rebuild_parameter";

class Machine {
 public:
  Machine(std::string_view bytes, const std::string& where) : bytes_(bytes), where_(where) {}

  std::vector<PickledTensor> run() {
    while (step()) {
    }
    const Node& top = node(pop());
    if (top.kind != Kind::kDict) fail("it holds no dict of tensors");
    std::vector<PickledTensor> tensors;
    for (std::size_t i = 0; i + 1 < top.items.size(); i += 2) {
      const Node& key = nodes_[top.items[i]];
      const Node& value = nodes_[top.items[i + 1]];
      if (key.kind != Kind::kText) fail("a key is no text");
      if (value.kind != Kind::kTensor) fail(fmt::format("{} is no tensor", key.text));
      tensors.push_back({std::string(key.text), value.dtype, std::string(value.storage),
                         value.integer, value.shape});
    }
    return tensors;
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw DataError(fmt::format("{} (byte {}): {}", where_, at_, what), kRemedy);
  }

  std::string_view take(std::uint64_t size) {
    if (size > bytes_.size() - at_) fail("it is cut");
    const std::string_view part = bytes_.substr(at_, size);
    at_ += size;
    return part;
  }
  std::uint64_t number(int size) {
    const std::string_view part = take(static_cast<std::uint64_t>(size));
    std::uint64_t value = 0;
    for (int i = size - 1; i >= 0; --i)
      value = value << 8 | static_cast<unsigned char>(part[static_cast<std::size_t>(i)]);
    return value;
  }
  std::string_view line() {
    const std::size_t end = bytes_.find('\n', at_);
    if (end == std::string_view::npos) fail("it is cut");
    const std::string_view text = take(end - at_);
    take(1);
    return text;
  }

  void push(Node value) {
    // A byte makes a node; a state dict needs some dozens for each tensor.
    constexpr std::size_t kMostNodes = 1 << 22;
    if (nodes_.size() == kMostNodes) fail(fmt::format("it makes more than {} values", kMostNodes));
    stack_.push_back(nodes_.size());
    nodes_.push_back(std::move(value));
  }
  std::size_t pop() {
    if (stack_.empty() || (!marks_.empty() && marks_.back() >= stack_.size()))
      fail("an instruction finds nothing to work on");
    const std::size_t top = stack_.back();
    stack_.pop_back();
    return top;
  }
  Node& node(std::size_t index) { return nodes_[index]; }
  std::vector<std::size_t> pop_to_mark() {
    if (marks_.empty()) fail("an instruction finds no mark");
    const auto begin = stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back());
    std::vector<std::size_t> items(begin, stack_.end());
    stack_.erase(begin, stack_.end());
    marks_.pop_back();
    return items;
  }
  void push_tuple(std::vector<std::size_t> items) {
    Node tuple;
    tuple.kind = Kind::kTuple;
    tuple.items = std::move(items);
    push(std::move(tuple));
  }
  void push_tuple(std::size_t size) {
    std::vector<std::size_t> items(size);
    for (std::size_t i = size; i > 0; --i) items[i - 1] = pop();
    push_tuple(std::move(items));
  }
  void push_kind(Kind kind, std::int64_t integer = 0) {
    Node value;
    value.kind = kind;
    value.integer = integer;
    push(std::move(value));
  }
  void push_text(std::string_view text) {
    Node value;
    value.kind = Kind::kText;
    value.text = text;
    push(std::move(value));
  }
  Node& top_of(Kind kind, const char* what) {
    if (stack_.empty() || node(stack_.back()).kind != kind) fail(what);
    return node(stack_.back());
  }
  void remember(std::uint64_t index) {
    if (stack_.empty()) fail("there is nothing to remember");
    memo_[index] = stack_.back();
  }
  void recall(std::uint64_t index) {
    const auto it = memo_.find(index);
    if (it == memo_.end()) fail("it recalls what it did not remember");
    stack_.push_back(it->second);
  }

  void push_name(std::string_view module, std::string_view name) {
    owned_.push_back(fmt::format("{} {}", module, name));
    const std::string_view full = owned_.back();
    const bool known = full == kOrderedDict || full == kRebuildTensor ||
                       full == kRebuildParameter || dtype_of(full).has_value();
    if (!known) fail(fmt::format("it asks for {}.{}, which a tensor does not need", module, name));
    Node value;
    value.kind = Kind::kName;
    value.text = full;
    push(std::move(value));
  }
  static std::optional<DType> dtype_of(std::string_view name) {
    for (const StorageType& type : kStorages)
      if (type.name == name) return type.dtype;
    return std::nullopt;
  }

  const Node& item(const Node& list, std::size_t index, Kind kind, const char* what) const {
    if (index >= list.items.size() || nodes_[list.items[index]].kind != kind) fail(what);
    return nodes_[list.items[index]];
  }

  // ("storage", type, key, device, elements)
  void storage() {
    const Node& id = node(pop());
    if (id.kind != Kind::kTuple || item(id, 0, Kind::kText, "an id is no text").text != "storage")
      fail("it refers to something that is no storage");
    const auto dtype = dtype_of(item(id, 1, Kind::kName, "a storage has no type").text);
    if (!dtype) fail("a storage has no type");
    Node value;
    value.kind = Kind::kStorage;
    value.text = item(id, 2, Kind::kText, "a storage has no key").text;
    value.dtype = *dtype;
    push(std::move(value));
  }

  std::vector<std::int64_t> sizes(const Node& args, std::size_t index) const {
    const Node& list = item(args, index, Kind::kTuple, "a tensor has no shape");
    constexpr std::size_t kMostAxes = 16;
    if (list.items.size() > kMostAxes) fail("a tensor has too many axes");
    std::vector<std::int64_t> values;
    for (std::size_t i = 0; i < list.items.size(); ++i)
      values.push_back(item(list, i, Kind::kInt, "an extent is no number").integer);
    return values;
  }

  // (storage, offset, shape, strides, ...)
  void rebuild_tensor(const Node& args) {
    const Node& storage = item(args, 0, Kind::kStorage, "a tensor has no storage");
    Node value;
    value.kind = Kind::kTensor;
    value.dtype = storage.dtype;
    value.storage = storage.text;
    value.integer = item(args, 1, Kind::kInt, "a tensor has no offset").integer;
    value.shape = sizes(args, 2);
    const std::vector<std::int64_t> strides = sizes(args, 3);
    if (strides.size() != value.shape.size()) fail("strides do not fit the shape of a tensor");
    constexpr std::int64_t kMost = 1LL << 48;
    std::int64_t expected = 1;
    for (std::size_t i = strides.size(); i > 0; --i) {
      const std::int64_t extent = value.shape[i - 1];
      if (extent < 0 || extent > kMost || (extent > 0 && expected > kMost / extent))
        fail("a tensor has an impossible shape");
      if (extent > 1 && strides[i - 1] != expected)
        fail("a tensor's rows do not lie one after the other");
      expected *= std::max<std::int64_t>(extent, 1);
    }
    if (value.integer < 0 || value.integer > kMost) fail("a tensor has an impossible offset");
    push(std::move(value));
  }

  void reduce() {
    const Node& args = node(pop());
    const Node& function = node(pop());
    if (args.kind != Kind::kTuple || function.kind != Kind::kName)
      fail("it calls something that is no function");
    if (function.text == kOrderedDict && args.items.empty()) {
      push_kind(Kind::kDict);
    } else if (function.text == kRebuildTensor) {
      rebuild_tensor(args);
    } else if (function.text == kRebuildParameter) {
      push(item(args, 0, Kind::kTensor, "a parameter is no tensor"));
    } else {
      fail(fmt::format("it calls {}", function.text));
    }
  }

  void set_items(const std::vector<std::size_t>& items) {
    if (items.size() % 2 != 0) fail("a dict gets a key without a value");
    Node& dict = top_of(Kind::kDict, "it sets items of what is no dict");
    dict.items.insert(dict.items.end(), items.begin(), items.end());
  }
  void append_items(const std::vector<std::size_t>& items) {
    Node& list = top_of(Kind::kList, "it appends to what is no list");
    list.items.insert(list.items.end(), items.begin(), items.end());
  }

  std::int64_t long_integer(std::uint64_t size) {
    if (size > 8) fail("a number has more than 8 bytes");
    if (size == 0) return 0;
    const auto shift = static_cast<int>(64 - 8 * size);
    return static_cast<std::int64_t>(number(static_cast<int>(size)) << shift) >> shift;
  }

  // False: the end.
  bool step() {
    const auto code = static_cast<unsigned char>(take(1)[0]);
    switch (code) {
      case 0x80:
        take(1);
        return true;  // PROTO
      case 0x95:
        take(8);
        return true;  // FRAME
      case '.':
        return false;  // STOP
      case '(':
        marks_.push_back(stack_.size());
        return true;
      case '0':
        pop();
        return true;
      case '1':
        pop_to_mark();
        return true;
      case 'N':
        push_kind(Kind::kNone);
        return true;
      case 0x88:
        push_kind(Kind::kBool, 1);
        return true;
      case 0x89:
        push_kind(Kind::kBool, 0);
        return true;
      case 'K':
        push_kind(Kind::kInt, static_cast<std::int64_t>(number(1)));
        return true;
      case 'M':
        push_kind(Kind::kInt, static_cast<std::int64_t>(number(2)));
        return true;
      case 'J':
        push_kind(Kind::kInt, static_cast<std::int32_t>(number(4)));
        return true;
      case 0x8a:
        push_kind(Kind::kInt, long_integer(number(1)));
        return true;
      case 'G':
        take(8);
        push_kind(Kind::kFloat);
        return true;
      case 'X':
        push_text(take(number(4)));
        return true;
      case 0x8c:
        push_text(take(number(1)));
        return true;
      case 0x8d:
        push_text(take(number(8)));
        return true;
      case '}':
        push_kind(Kind::kDict);
        return true;
      case ']':
        push_kind(Kind::kList);
        return true;
      case ')':
        push_tuple(std::size_t{0});
        return true;
      case 0x85:
        push_tuple(std::size_t{1});
        return true;
      case 0x86:
        push_tuple(std::size_t{2});
        return true;
      case 0x87:
        push_tuple(std::size_t{3});
        return true;
      case 't':
        push_tuple(pop_to_mark());
        return true;
      case 'q':
        remember(number(1));
        return true;
      case 'r':
        remember(number(4));
        return true;
      case 0x94:
        remember(memo_.size());
        return true;
      case 'h':
        recall(number(1));
        return true;
      case 'j':
        recall(number(4));
        return true;
      default:
        return compose(code);
    }
  }

  bool compose(unsigned char code) {
    switch (code) {
      case 'c': {
        const std::string_view module = line();
        push_name(module, line());
        return true;
      }
      case 0x93: {
        const Node& name = node(pop());
        const Node& module = node(pop());
        if (name.kind != Kind::kText || module.kind != Kind::kText) fail("a name is no text");
        push_name(module.text, name.text);
        return true;
      }
      case 'Q':
        storage();
        return true;
      case 'R':
        reduce();
        return true;
      case 's': {
        const std::size_t value = pop();
        const std::size_t key = pop();
        set_items({key, value});
        return true;
      }
      case 'u':
        set_items(pop_to_mark());
        return true;
      case 'a':
        append_items({pop()});
        return true;
      case 'e':
        append_items(pop_to_mark());
        return true;
      case 'b':  // attributes of the state dict: versions of modules
        pop();
        top_of(Kind::kDict, "it sets attributes of what is no dict");
        return true;
      default:
        fail(fmt::format("the instruction 0x{:02x} is not read", code));
    }
  }

  std::string_view bytes_;
  const std::string& where_;
  std::size_t at_ = 0;
  std::deque<Node> nodes_;
  std::deque<std::string> owned_;  // full names
  std::vector<std::size_t> stack_;
  std::vector<std::size_t> marks_;
  std::map<std::uint64_t, std::size_t> memo_;
};

}  // namespace

std::vector<PickledTensor> read_pickled_tensors(std::string_view pickle, const std::string& where) {
  return Machine(pickle, where).run();
}

}  // namespace msmodelslim
