#include "limequat/http/client.h"

#include <future>
#include <utility>

#include "limequat/base/check.h"
#include "limequat/base/result_macros.h"
#include "limequat/http/client_internal.h"

namespace limequat::http {

struct Client::Impl {
  Runtime::Impl& runtime;
  std::shared_ptr<ClientPool> pool;
  CancelToken::Registration runtime_stops;
};

Result<std::unique_ptr<Client>> Client::Create(Runtime& runtime, ClientOptions options) {
  LQ_ASSIGN_OR_RETURN(SslContext ssl, CreateClientContext(options.chain, options.private_key_pem));
  auto pool = std::make_shared<ClientPool>(runtime, std::move(options), std::move(ssl));
  auto impl = std::make_shared<Impl>(Impl{runtime.impl(), pool, {}});
  impl->runtime_stops = runtime.impl().stopping.token().OnCancel([weak = std::weak_ptr(pool)] {
    if (const auto stopped = weak.lock()) stopped->Close(ClientPool::WaitForAll::kNo);
  });
  return std::unique_ptr<Client>(new Client(std::move(impl)));
}

Client::~Client() {
  LQ_CHECK(!impl_->runtime.OnIoThread());
  impl_->runtime_stops = {};
  impl_->pool->Close(ClientPool::WaitForAll::kYes);
}

void Client::Send(const Endpoint& endpoint, ClientRequest request, Deadline deadline,
                  CancelToken cancel, Completion done) {
  impl_->pool->Send(endpoint, std::move(request), deadline, cancel, std::move(done));
}

Result<ClientResponse> Client::SendAndWait(const Endpoint& endpoint, ClientRequest request,
                                           Deadline deadline, CancelToken cancel) {
  LQ_CHECK(!impl_->runtime.OnIoThread());
  std::promise<Result<ClientResponse>> promise;
  std::future<Result<ClientResponse>> answer = promise.get_future();
  Send(endpoint, std::move(request), deadline, std::move(cancel),
       [promise = std::move(promise)](Result<ClientResponse> result) mutable {
         promise.set_value(std::move(result));
       });
  return answer.get();
}

void Client::Forget(const Endpoint& endpoint) { impl_->pool->Forget(endpoint); }

}  // namespace limequat::http
