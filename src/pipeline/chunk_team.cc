#include "pipeline/chunk_team.h"

#include <algorithm>
#include <limits>
#include <stdexcept>
#include <thread>

namespace msmodelslim {
namespace {

constexpr std::int64_t kDone = std::numeric_limits<std::int64_t>::max();

struct Stopped {};  // thrown in members that shall end

}  // namespace

struct ChunkTeam::Member {
  bool done = false;
  const Linear* linear = nullptr;  // in front of which it waits
  std::vector<MinMax> mine;
  std::vector<MinMax> before;
  std::exception_ptr failure;
};

// Hands the turn from the calling thread to one member and back.
class ChunkTeam::Team {
 public:
  Team(std::size_t count, std::size_t* at_work, const std::function<void(std::size_t)>& body)
      : at_work_(at_work), members_(count) {
    for (std::size_t i = 0; i < count; ++i)
      threads_.emplace_back([this, i, &body] { live(i, body); });
  }
  ~Team() {
    stopped_ = true;
    for (std::size_t i = 0; i < members_.size(); ++i)
      if (!members_[i].done) give_turn(i);
    for (std::thread& thread : threads_) thread.join();
  }
  Team(const Team&) = delete;
  Team& operator=(const Team&) = delete;

  std::vector<Member>& members() { return members_; }

  // Returns when the member waits or is done.
  void give_turn(std::size_t member) {
    *at_work_ = member;
    std::unique_lock lock(mutex_);
    turn_ = member;
    changed_.notify_all();
    changed_.wait(lock, [&] { return turn_ == kNobody; });
    if (members_[member].failure && !stopped_) std::rethrow_exception(members_[member].failure);
  }

  // On the member's thread.
  void wait_for_turn(std::size_t member) {
    std::unique_lock lock(mutex_);
    turn_ = kNobody;
    changed_.notify_all();
    changed_.wait(lock, [&] { return turn_ == member; });
    if (stopped_) throw Stopped();
  }

 private:
  static constexpr std::size_t kNobody = static_cast<std::size_t>(-1);

  void live(std::size_t member, const std::function<void(std::size_t)>& body) {
    try {
      {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return turn_ == member; });
        if (stopped_) throw Stopped();
      }
      body(member);
    } catch (const Stopped&) {
    } catch (...) {
      members_[member].failure = std::current_exception();
    }
    const std::lock_guard lock(mutex_);
    members_[member].done = true;
    turn_ = kNobody;
    changed_.notify_all();
  }

  std::size_t* at_work_;
  std::vector<Member> members_;
  std::vector<std::thread> threads_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t turn_ = kNobody;
  bool stopped_ = false;
};

ChunkTeam::ChunkTeam(Ranks& ranks, Block& block) : ranks_(ranks) {
  if (!block.moe) return;
  std::int64_t place = 0;
  for (Mlp& expert : block.moe->experts)
    for (Linear* linear : expert.linears()) places_[linear->name()] = ++place;
  ++place;
  if (block.moe->shared)
    for (Linear* linear : block.moe->shared->linears()) places_[linear->name()] = place;
  if (block.moe->shared_gate) places_[block.moe->shared_gate->name()] = place;
  if (!block.spec->is_dense()) return;
  for (Linear* linear : block.mlp_inputs()) places_[linear->name()] = place + 1;
  places_[block.down.name()] = place + 2;
}

std::int64_t ChunkTeam::place_of(const std::string& linear) const {
  const auto place = places_.find(linear);
  return place == places_.end() ? 0 : place->second;
}

void ChunkTeam::run(std::size_t count, bool waits, const std::function<void(std::size_t)>& body) {
  if (!waits) {
    for (at_work_ = 0; at_work_ < count; ++at_work_) body(at_work_);
    return;
  }
  ranges_.clear();
  last_place_ = 0;
  Team team(count, &at_work_, body);
  team_ = &team;
  do {
    for (std::size_t i = 0; i < count; ++i)
      if (const Member& member = team.members()[i]; !member.done && member.linear == nullptr)
        team.give_turn(i);
  } while (exchange(team.members()));
  team_ = nullptr;
}

std::vector<MinMax> ChunkTeam::before(const Linear& linear, const std::vector<MinMax>& mine) {
  const std::size_t i = at_work_;
  Member& member = team_->members()[i];
  member.linear = &linear;
  member.mine = mine;
  team_->wait_for_turn(i);
  return std::move(member.before);
}

bool ChunkTeam::exchange(std::vector<Member>& members) {
  const Linear* first = nullptr;
  for (const Member& member : members)
    if (member.linear != nullptr &&
        (first == nullptr || place_of(member.linear->name()) < place_of(first->name())))
      first = member.linear;
  const std::string name = first == nullptr ? "" : first->name();
  ByteWriter writer;
  writer.value(first == nullptr ? kDone : place_of(name));
  writer.text(name);
  std::vector<MinMax> mine;
  for (const Member& member : members)
    if (member.linear != nullptr && member.linear->name() == name)
      mine.insert(mine.end(), member.mine.begin(), member.mine.end());
  writer.values(mine);
  struct Message {
    std::int64_t place;
    std::string linear;
    std::vector<MinMax> samples;
  };
  std::vector<Message> messages;
  for (const Bytes& bytes : ranks_.gather(writer.take())) {
    ByteReader reader(bytes);
    Message message;
    message.place = reader.value<std::int64_t>();
    message.linear = reader.text();
    message.samples = reader.values<MinMax>();
    messages.push_back(std::move(message));
  }
  const Message& next =
      *std::min_element(messages.begin(), messages.end(),
                        [](const Message& a, const Message& b) { return a.place < b.place; });
  if (next.place == kDone) return false;
  bool in_order = next.place >= last_place_ && ranges_.count(next.linear) == 0;
  for (const Message& message : messages)
    in_order = in_order && (message.place != next.place || message.linear == next.linear);
  if (!in_order)
    throw std::logic_error(
        fmt::format("{}: the ranks come to it in different orders", next.linear));
  last_place_ = next.place;
  std::vector<MinMax>& all = ranges_[next.linear];
  std::vector<MinMax> before;
  for (int rank = 0; rank < ranks_.size(); ++rank) {
    const Message& message = messages[static_cast<std::size_t>(rank)];
    if (rank == ranks_.rank()) before = all;
    if (message.place == next.place)
      all.insert(all.end(), message.samples.begin(), message.samples.end());
  }
  for (Member& member : members) {
    if (member.linear == nullptr || member.linear->name() != next.linear) continue;
    member.linear = nullptr;
    member.before = before;
    before.insert(before.end(), member.mine.begin(), member.mine.end());
  }
  return true;
}

}  // namespace msmodelslim
