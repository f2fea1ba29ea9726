#include "serve/http_server.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <thread>
#include <vector>

#include "base/error.h"

namespace msmodelslim {
namespace {

// A client that sends bytes and reads what comes.
class Client {
 public:
  explicit Client(std::uint16_t port) : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    timeval limit{20, 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    connected_ = ::connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0;
  }
  ~Client() { close(); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  void close() {
    if (socket_ >= 0) ::close(socket_);
    socket_ = -1;
  }
  bool connected() const { return connected_; }
  void send(const std::string& bytes) const {
    ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  }
  // Reads until `end` has come, or the connection ends.
  std::string read_to(const std::string& end) const {
    std::string got;
    char bytes[4096];
    while (got.find(end) == std::string::npos) {
      const ssize_t n = ::recv(socket_, bytes, sizeof(bytes), 0);
      if (n <= 0) break;
      got.append(bytes, static_cast<std::size_t>(n));
    }
    return got;
  }
  std::string read_all() const { return read_to("\x01 never"); }

 private:
  int socket_;
  bool connected_ = false;
};

class HttpServerTest : public testing::Test {
 protected:
  void start(HttpOptions options = {}) {
    options.port = 0;
    server_ = std::make_unique<HttpServer>(
        options, [this](HttpRequest request, std::shared_ptr<HttpReply> reply) {
          answer(request, std::move(reply));
        });
    thread_ = std::thread([this] { server_->run(); });
  }
  void TearDown() override {
    if (!server_) return;
    server_->stop();
    held_.reset();
    thread_.join();
  }
  void answer(const HttpRequest& request, std::shared_ptr<HttpReply> reply) {
    if (request.path == "/stream") {
      reply->start_events();
      reply->event("one");
      reply->event("two");
      reply->end_events();
    } else if (request.path == "/hold") {
      reply->on_gone([this] { gone_ = true; });
      held_ = std::move(reply);
      holding_ = true;
    } else if (request.path == "/sleep") {
      std::this_thread::sleep_for(std::chrono::seconds(2));
      reply->send(200, "text/plain", "awake");
    } else if (request.path == "/throw") {
      throw std::runtime_error("x");
    } else {
      reply->send(
          200, "text/plain",
          request.method + " " + request.path + " " + request.authorization + " " + request.body);
    }
  }
  std::string ask(const std::string& bytes, const std::string& end) {
    Client client(server_->port());
    client.send(bytes);
    return client.read_to(end);
  }
  static void wait_for(const std::atomic<bool>& flag) {
    for (int i = 0; i < 10000 && !flag; ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    EXPECT_TRUE(flag);
  }
  std::unique_ptr<HttpServer> server_;
  std::thread thread_;
  std::shared_ptr<HttpReply> held_;
  std::atomic<bool> holding_ = false;
  std::atomic<bool> gone_ = false;
};

TEST_F(HttpServerTest, AnswersOnOneConnection) {
  start();
  Client client(server_->port());
  client.send("GET /a?b=c HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer k\r\n\r\n");
  EXPECT_THAT(client.read_to("GET /a Bearer k "), testing::StartsWith("HTTP/1.1 200 OK\r\n"));
  client.send("POST /b HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody");
  EXPECT_THAT(client.read_to("body"), testing::HasSubstr("Content-Length: 13\r\n"));
  client.send("GET /throw HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_THAT(client.read_to("}}"), testing::StartsWith("HTTP/1.1 500"));
  client.send("GET /c HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(client.read_all(), testing::EndsWith("GET /c  "));
}

TEST_F(HttpServerTest, StreamsEvents) {
  start();
  EXPECT_THAT(ask("GET /stream HTTP/1.1\r\nHost: h\r\n\r\n", "0\r\n\r\n"),
              testing::HasSubstr("b\r\ndata: one\n\n\r\nb\r\ndata: two\n\n\r\n0\r\n\r\n"));
  Client old(server_->port());
  old.send("GET /stream HTTP/1.0\r\n\r\n");
  const std::string text = old.read_all();
  EXPECT_THAT(text, testing::EndsWith("\r\n\r\ndata: one\n\ndata: two\n\n"));
  EXPECT_THAT(text, testing::Not(testing::HasSubstr("chunked")));
}

TEST_F(HttpServerTest, NonsenseAndGiantsAreRefused) {
  HttpOptions options;
  options.max_body = 1000;
  start(options);
  EXPECT_THAT(ask("no http at all\r\n\r\n", "}}"), testing::StartsWith("HTTP/1.1 400"));
  EXPECT_THAT(ask("POST / HTTP/1.1\r\nContent-Length: 1001\r\n\r\n", "}}"),
              testing::StartsWith("HTTP/1.1 413"));
  EXPECT_THAT(ask("GET / HTTP/1.1\r\nX: " + std::string(100000, 'x') + "\r\n\r\n", "}}"),
              testing::StartsWith("HTTP/1.1 413"));
  EXPECT_THAT(ask("GET /still HTTP/1.1\r\nHost: h\r\n\r\n", "still"), testing::HasSubstr("200"));
}

// The client has not read anything when it is through with sending.
TEST_F(HttpServerTest, ARefusedBodyDoesNotTakeTheAnswerBack) {
  HttpOptions options;
  options.max_body = 1000;
  start(options);
  Client client(server_->port());
  client.send("POST / HTTP/1.1\r\nContent-Length: 9000000\r\n\r\n" + std::string(9000000, 'x'));
  EXPECT_THAT(client.read_to("}}"), testing::StartsWith("HTTP/1.1 413"));
}

TEST_F(HttpServerTest, AClientMayAskBeforeItSends) {
  start();
  Client client(server_->port());
  client.send("POST /b HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
  EXPECT_EQ(client.read_to("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  client.send("body");
  EXPECT_THAT(client.read_to("body"), testing::StartsWith("HTTP/1.1 200"));
}

TEST_F(HttpServerTest, DrippingClientsAreDropped) {
  HttpOptions options;
  options.idle_seconds = 1;
  start(options);
  Client slow(server_->port());
  std::thread dripping([&] {
    for (int i = 0; i < 40; ++i) {
      slow.send("G");
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
  });
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(slow.read_all(), "");
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds(1800));
  dripping.join();
}

TEST_F(HttpServerTest, ABusyHandlerHoldsNoConnectionUp) {
  HttpOptions options;
  options.idle_seconds = 1;
  start(options);
  Client busy(server_->port());
  busy.send("GET /sleep HTTP/1.1\r\nHost: h\r\n\r\n");
  Client silent(server_->port());
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(silent.read_all(), "");
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds(1900));
  EXPECT_THAT(busy.read_to("awake"), testing::HasSubstr("awake"));
}

TEST_F(HttpServerTest, SilentClientsAreDropped) {
  HttpOptions options;
  options.idle_seconds = 1;
  start(options);
  Client silent(server_->port());
  silent.send("GET / HTT");
  EXPECT_EQ(silent.read_all(), "");
}

TEST_F(HttpServerTest, LeavingIsNoticed) {
  start();
  Client client(server_->port());
  client.send("GET /hold HTTP/1.1\r\nHost: h\r\n\r\n");
  wait_for(holding_);
  EXPECT_FALSE(gone_);
  client.close();
  wait_for(gone_);
}

TEST_F(HttpServerTest, LeavingWithAnotherRequestOnTheWayIsNoticed) {
  start();
  Client client(server_->port());
  const std::string request = "GET /hold HTTP/1.1\r\nHost: h\r\n\r\n";
  client.send(request);
  wait_for(holding_);
  client.send(request);
  client.close();
  wait_for(gone_);
}

TEST_F(HttpServerTest, StoppingWaitsForTheAnswer) {
  start();
  Client idle(server_->port());
  Client client(server_->port());
  client.send("GET /hold HTTP/1.1\r\nHost: h\r\n\r\n");
  wait_for(holding_);
  server_->stop();
  EXPECT_EQ(idle.read_all(), "");
  held_->send(200, "text/plain", "late");
  EXPECT_THAT(client.read_all(), testing::EndsWith("late"));
}

TEST_F(HttpServerTest, ManyConnectionsUpToTheLimit) {
  HttpOptions options;
  options.max_connections = 200;
  start(options);
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < 200; ++i) clients.push_back(std::make_unique<Client>(server_->port()));
  for (const auto& client : clients) {
    client->send("GET /x HTTP/1.1\r\nHost: h\r\n\r\n");
    EXPECT_THAT(client->read_to("/x"), testing::HasSubstr("200 OK"));
  }
  Client surplus(server_->port());
  surplus.send("GET /x HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_EQ(surplus.read_all(), "");
}

TEST_F(HttpServerTest, ATakenPortIsAnError) {
  start();
  HttpOptions options;
  options.port = server_->port();
  EXPECT_THROW(HttpServer(options, {}), ResourceError);
  options.host = "203.0.113.7";  // not of this machine
  EXPECT_THROW(HttpServer(options, {}), ResourceError);
}

}  // namespace
}  // namespace msmodelslim
