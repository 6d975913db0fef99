#pragma once

// The names of Asio that this module's sources use. Never included by a public header.

#include <chrono>
#include <mutex>
#include <thread>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace limequat::http {

namespace asio = boost::asio;
using asio::ip::tcp;
using ErrorCodeOfAsio = boost::system::error_code;

// Each I/O thread has a context of its own. Whatever lives on one context is used by
// one thread only and needs neither locks nor strands.
using IoExecutor = asio::io_context::executor_type;
using IoSocket = asio::basic_stream_socket<tcp, IoExecutor>;
using IoTimer =
    asio::basic_waitable_timer<std::chrono::steady_clock,
                               asio::wait_traits<std::chrono::steady_clock>, IoExecutor>;
template <class T>
using Awaitable = asio::awaitable<T, IoExecutor>;

// Completion token: suspends the coroutine and puts the error into `error`, no exceptions.
inline auto Into(ErrorCodeOfAsio& error) {
  return asio::redirect_error(asio::use_awaitable_t<IoExecutor>(), error);
}

}  // namespace limequat::http
