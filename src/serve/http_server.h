#pragma once
// HTTP/1.1 in front of a handler: one thread for any number of connections, another one for the
// handler, answers from any thread.
// Slow and silent clients are dropped; nobody waits for them.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace msmodelslim {

struct HttpRequest {
  std::string method;         // "GET"
  std::string path;           // without the query
  std::string authorization;  // that header, or ""
  std::string body;
};

// Takes the one answer to a request: send(), or start_events(), event()..., end_events().
// Thread-safe; what comes after the client has gone is dropped.
class HttpReply {
 public:
  virtual ~HttpReply() = default;
  virtual void send(int status, std::string_view content_type, std::string body) = 0;
  virtual void start_events() = 0;
  virtual void event(std::string_view data) = 0;  // one server-sent event
  virtual void end_events() = 0;
  // `gone` is called, on the server's thread, if the client leaves before the answer is complete.
  virtual void on_gone(std::function<void()> gone) = 0;
};

// Called on one thread, for one request after the other.
using HttpHandler = std::function<void(HttpRequest, std::shared_ptr<HttpReply>)>;

struct HttpOptions {
  std::string host = "127.0.0.1";
  std::uint16_t port = 8000;  // 0: any free one
  std::size_t max_body = 32U << 20;
  std::size_t max_connections = 4096;
  int idle_seconds = 75;   // without a request, or while one comes in
  int write_seconds = 30;  // for a piece of an answer to go out
};

class HttpServer {
 public:
  class Impl;
  // Binds and listens. ResourceError when the address is taken or unknown. Replies must be gone
  // before the server is.
  HttpServer(HttpOptions options, HttpHandler handler);
  ~HttpServer();
  std::uint16_t port() const;
  // Serves until stop().
  void run();
  // No new connections and requests; run() returns when the answers under way are out. Thread-safe.
  void stop();

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace msmodelslim
