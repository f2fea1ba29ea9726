#include "serve/http_server.h"

#include <poll.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <chrono>
#include <deque>
#include <optional>
#include <set>

#include "base/error.h"
#include "base/log.h"

namespace msmodelslim {
namespace {

namespace net = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using boost::system::error_code;
using net::ip::tcp;

constexpr int kLingerSeconds = 5;
constexpr std::size_t kDrainBytes = 64U << 10;
constexpr std::size_t kMostQueuedBytes = 8U << 20;  // of an answer that the client does not take

class Connection;

}  // namespace

class HttpServer::Impl {
 public:
  Impl(HttpOptions http_options, HttpHandler http_handler)
      : options(std::move(http_options)), handler_(std::move(http_handler)) {}

  void listen();
  void accept();
  void stop();
  void run() {
    context_.run();
    handlers_.join();  // of clients that have left
  }
  // Calls the handler, away from the thread that serves the connections.
  void handle(HttpRequest request, std::shared_ptr<HttpReply> reply);
  std::uint16_t port() const { return port_; }
  void leave(Connection* connection) { connections_.erase(connection); }
  bool stopping() const { return stopping_; }

  const HttpOptions options;

 private:
  void accepted(error_code ec, tcp::socket socket);

  const HttpHandler handler_;
  std::set<Connection*> connections_;  // outlives the context, whose last handlers hold some
  net::io_context context_{1};
  tcp::acceptor acceptor_{context_};
  net::steady_timer pause_{context_};
  std::uint16_t port_ = 0;
  bool stopping_ = false;
  net::thread_pool handlers_{1};
};

namespace {

// Everything runs on the server's thread; HttpReply's functions only post.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(tcp::socket socket, HttpServer::Impl& server)
      : stream_(std::move(socket)), server_(server) {}
  ~Connection() { server_.leave(this); }

  void read() {
    parser_.emplace();
    parser_->body_limit(server_.options.max_body);
    parser_->header_limit(64U << 10);
    expire(server_.options.idle_seconds);
    idle_ = true;
    http::async_read_header(
        stream_, buffer_, *parser_,
        [self = shared_from_this()](error_code ec, std::size_t) { self->got_header(ec); });
  }

  void close_if_idle() {
    keep_alive_ = false;
    if (idle_) close();
  }

  net::any_io_executor executor() { return stream_.get_executor(); }

  // Bytes of the answer; `last`: it is complete.
  void put(std::string bytes, bool last) {
    if (closed_ || complete_) return;
    queued_ += bytes.size();
    if (queued_ > kMostQueuedBytes) {
      close();
      return;
    }
    if (!bytes.empty()) queue_.push_back(std::move(bytes));
    complete_ = last;
    if (!writing_) write();
  }
  void set_gone(std::function<void()> gone) {
    if (closed_)
      gone();
    else
      gone_ = std::move(gone);
  }
  bool old_protocol() const { return version_ < 11; }
  bool keep_alive() const { return keep_alive_; }
  void no_keep_alive() { keep_alive_ = false; }

 private:
  void expire(int seconds) { stream_.expires_after(std::chrono::seconds(seconds)); }

  void got_header(error_code ec);
  void read_body() {
    http::async_read(stream_, buffer_, *parser_,
                     [self = shared_from_this()](error_code ec, std::size_t) { self->got(ec); });
  }
  void got(error_code ec);
  void refuse(int status, const char* body);
  void write();
  void wrote(error_code ec);
  // Notices a client that leaves while the answer is made.
  void watch() {
    stream_.socket().async_wait(tcp::socket::wait_read, [self = shared_from_this()](error_code ec) {
      if (ec || self->complete_ || self->closed_) return;
      if (self->has_left())
        self->close();
      else
        self->watch_later();  // its next request is there already
    });
  }
  // Its own requests may still lie in the socket.
  bool has_left() {
    pollfd state{stream_.socket().native_handle(), POLLRDHUP, 0};
    return ::poll(&state, 1, 0) > 0;
  }
  void watch_later() {
    timer_.expires_after(std::chrono::milliseconds(500));
    timer_.async_wait([self = shared_from_this()](error_code ec) {
      if (!ec && !self->complete_ && !self->closed_) self->watch();
    });
  }
  // Ends the connection. Bytes that the client is still sending are read and dropped for a while: a
  // socket closed on them would take back the answer.
  void linger() {
    error_code ignored;
    stream_.socket().shutdown(tcp::socket::shutdown_send, ignored);
    expire(kLingerSeconds);
    drain();
  }
  void drain() {
    buffer_.clear();
    stream_.async_read_some(buffer_.prepare(kDrainBytes),
                            [self = shared_from_this()](error_code ec, std::size_t) {
                              if (ec || self->closed_)
                                self->close();
                              else
                                self->drain();
                            });
  }
  void close() {
    if (closed_) return;
    closed_ = true;
    error_code ignored;
    stream_.socket().shutdown(tcp::socket::shutdown_both, ignored);
    stream_.close();
    if (gone_ && !complete_) gone_();
    gone_ = nullptr;
    timer_.cancel();
    working_.reset();
  }

  beast::tcp_stream stream_;
  HttpServer::Impl& server_;
  net::steady_timer timer_{stream_.get_executor()};
  std::optional<net::executor_work_guard<net::any_io_executor>> working_;  // on an answer
  beast::flat_buffer buffer_;
  std::optional<http::request_parser<http::string_body>> parser_;
  std::deque<std::string> queue_;
  std::size_t queued_ = 0;
  std::function<void()> gone_;
  unsigned version_ = 11;
  bool keep_alive_ = true;
  bool idle_ = true;
  bool writing_ = false;
  bool complete_ = false;
  bool closed_ = false;
  bool refused_ = false;  // the request was not read to its end
};

class Reply : public HttpReply {
 public:
  explicit Reply(std::shared_ptr<Connection> connection) : connection_(std::move(connection)) {}
  // A connection ends on the server's thread.
  ~Reply() override {
    post([](Connection&) {});
  }

  void send(int status, std::string_view content_type, std::string body) override {
    post([=, body = std::move(body), type = std::string(content_type)](Connection& c) {
      const auto reason = http::obsolete_reason(static_cast<http::status>(status));
      c.put(fmt::format("HTTP/1.1 {} {}\r\nContent-Type: {}\r\nContent-Length: {}\r\n{}\r\n",
                        status, std::string_view(reason.data(), reason.size()), type, body.size(),
                        c.keep_alive() ? "" : "Connection: close\r\n") +
                body,
            true);
    });
  }
  void start_events() override {
    post([](Connection& c) {
      if (c.old_protocol()) c.no_keep_alive();  // knows no chunks: the end is the end
      c.put(fmt::format("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n"
                        "Cache-Control: no-cache\r\n{}{}\r\n",
                        c.old_protocol() ? "" : "Transfer-Encoding: chunked\r\n",
                        c.keep_alive() ? "" : "Connection: close\r\n"),
            false);
    });
  }
  void event(std::string_view data) override {
    post([text = fmt::format("data: {}\n\n", data)](Connection& c) {
      c.put(c.old_protocol() ? text : fmt::format("{:x}\r\n{}\r\n", text.size(), text), false);
    });
  }
  void end_events() override {
    post([](Connection& c) { c.put(c.old_protocol() ? "" : "0\r\n\r\n", true); });
  }
  void on_gone(std::function<void()> gone) override {
    post([gone = std::move(gone)](Connection& c) { c.set_gone(gone); });
  }

 private:
  template <typename Body>
  void post(Body body) {
    net::post(connection_->executor(),
              [connection = connection_, body = std::move(body)] { body(*connection); });
  }
  std::shared_ptr<Connection> connection_;
};

void Connection::refuse(int status, const char* body) {
  keep_alive_ = false;
  refused_ = true;
  Reply(shared_from_this()).send(status, "application/json", body);
}

// A client may ask before it sends a body.
void Connection::got_header(error_code ec) {
  if (ec) return got(ec);
  if (!beast::iequals(parser_->get()[http::field::expect], "100-continue")) return read_body();
  static constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
  net::async_write(stream_, net::buffer(kContinue),
                   [self = shared_from_this()](error_code failed, std::size_t) {
                     if (failed)
                       self->close();
                     else
                       self->read_body();
                   });
}

void Connection::got(error_code ec) {
  idle_ = false;
  complete_ = false;
  queued_ = 0;
  if (ec == http::error::body_limit || ec == http::error::header_limit)
    return refuse(413, R"({"error":{"message":"the request is too large","code":413}})");
  if (ec && ec.category() == http::make_error_code(http::error::bad_method).category() &&
      ec != http::error::end_of_stream && ec != http::error::partial_message)
    return refuse(400, R"({"error":{"message":"this is no HTTP request","code":400}})");
  if (ec) return close();
  const auto& message = parser_->get();
  const auto text = [](beast::string_view view) { return std::string(view.data(), view.size()); };
  version_ = message.version();
  keep_alive_ = message.keep_alive() && !server_.stopping();
  HttpRequest request;
  request.method = text(message.method_string());
  request.path = text(message.target());
  request.path.resize(std::min(request.path.size(), request.path.find('?')));
  request.authorization = text(message[http::field::authorization]);
  request.body = std::move(parser_->get().body());
  stream_.expires_never();
  working_.emplace(stream_.get_executor());
  watch();
  server_.handle(std::move(request), std::make_shared<Reply>(shared_from_this()));
}

void Connection::write() {
  if (queue_.empty()) {
    if (!complete_) return;
    if (!keep_alive_) return refused_ ? linger() : close();
    gone_ = nullptr;
    timer_.cancel();
    working_.reset();
    stream_.socket().cancel();  // the watch
    read();
    return;
  }
  writing_ = true;
  expire(server_.options.write_seconds);
  net::async_write(stream_, net::buffer(queue_.front()),
                   [self = shared_from_this()](error_code ec, std::size_t) { self->wrote(ec); });
}

void Connection::wrote(error_code ec) {
  writing_ = false;
  if (ec || closed_) {
    close();
    return;
  }
  stream_.expires_never();
  queued_ -= queue_.front().size();
  queue_.pop_front();
  write();
}

}  // namespace

void HttpServer::Impl::listen() {
  try {
    tcp::resolver resolver(context_);
    const tcp::endpoint endpoint =
        resolver.resolve(options.host, std::to_string(options.port))->endpoint();
    acceptor_.open(endpoint.protocol());
    acceptor_.set_option(tcp::acceptor::reuse_address(true));
    acceptor_.bind(endpoint);
    acceptor_.listen(net::socket_base::max_listen_connections);
    port_ = acceptor_.local_endpoint().port();
  } catch (const boost::system::system_error& error) {
    throw ResourceError(
        fmt::format("cannot listen on {}:{}: {}", options.host, options.port, error.what()),
        "choose another --host or --port");
  }
  accept();
}

void HttpServer::Impl::handle(HttpRequest request, std::shared_ptr<HttpReply> reply) {
  net::post(handlers_, [this, request = std::move(request), reply = std::move(reply)]() mutable {
    try {
      handler_(std::move(request), reply);
    } catch (const std::exception& error) {
      log_error("serve", "{}", error.what());
      reply->send(500, "application/json", R"({"error":{"message":"internal error","code":500}})");
    }
  });
}

void HttpServer::Impl::accept() {
  acceptor_.async_accept(
      [this](error_code ec, tcp::socket socket) { accepted(ec, std::move(socket)); });
}

void HttpServer::Impl::accepted(error_code ec, tcp::socket socket) {
  if (!acceptor_.is_open()) return;
  if (ec) {  // out of file descriptors, for example: that takes a while to change
    pause_.expires_after(std::chrono::milliseconds(100));
    pause_.async_wait([this](error_code) {
      if (acceptor_.is_open()) accept();
    });
    return;
  }
  if (connections_.size() < options.max_connections) {
    error_code ignored;
    socket.set_option(tcp::no_delay(true), ignored);
    const auto connection = std::make_shared<Connection>(std::move(socket), *this);
    connections_.insert(connection.get());
    connection->read();
  }
  accept();
}

void HttpServer::Impl::stop() {
  net::post(context_, [this] {
    error_code ignored;
    stopping_ = true;
    acceptor_.close(ignored);
    pause_.cancel();
    for (Connection* connection : connections_) connection->close_if_idle();
  });
}

HttpServer::HttpServer(HttpOptions options, HttpHandler handler)
    : impl_(std::make_unique<Impl>(std::move(options), std::move(handler))) {
  impl_->listen();
}

HttpServer::~HttpServer() = default;

std::uint16_t HttpServer::port() const { return impl_->port(); }

void HttpServer::run() { impl_->run(); }

void HttpServer::stop() { impl_->stop(); }

}  // namespace msmodelslim
