#pragma once
// Sockets on 127.0.0.1, as a client or a server that keeps no rules has them.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>

namespace msmodelslim {

class LocalSocket {
 public:
  explicit LocalSocket(int handle) : handle_(handle) {}
  LocalSocket(LocalSocket&& other) noexcept : handle_(std::exchange(other.handle_, -1)) {}
  LocalSocket(const LocalSocket&) = delete;
  LocalSocket& operator=(const LocalSocket&) = delete;
  ~LocalSocket() {
    if (handle_ < 0) return;
    const linger at_once{1, 0};  // leaves no port behind that has to wait
    ::setsockopt(handle_, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    ::close(handle_);
  }

  static LocalSocket connected(std::uint16_t port) {
    LocalSocket socket(::socket(AF_INET, SOCK_STREAM, 0));
    const sockaddr_in address = local(port);
    if (::connect(socket.handle_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) !=
        0)
      std::abort();
    return socket;
  }
  // Any free port, which `port` then is.
  static LocalSocket listening(std::uint16_t& port) {
    LocalSocket socket(::socket(AF_INET, SOCK_STREAM, 0));
    sockaddr_in address = local(0);
    socklen_t size = sizeof(address);
    auto* plain = reinterpret_cast<sockaddr*>(&address);
    if (::bind(socket.handle_, plain, size) != 0 || ::listen(socket.handle_, 16) != 0 ||
        ::getsockname(socket.handle_, plain, &size) != 0)
      std::abort();
    port = ntohs(address.sin_port);
    return socket;
  }
  LocalSocket accept() const { return LocalSocket(::accept(handle_, nullptr, nullptr)); }

  // False when the other side has gone.
  bool send(std::string_view bytes) const {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(handle_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }
  void end_sending() const { ::shutdown(handle_, SHUT_WR); }
  // Up to the end of the other side, which has to come within some seconds.
  std::string receive_all() const {
    const timeval patience{20, 0};
    ::setsockopt(handle_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    std::string all;
    char piece[4096];
    for (;;) {
      const ssize_t got = ::recv(handle_, piece, sizeof(piece), 0);
      if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) std::abort();
      if (got <= 0) return all;
      all.append(piece, static_cast<std::size_t>(got));
    }
  }

 private:
  static sockaddr_in local(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
  }
  int handle_;
};

}  // namespace msmodelslim
