#include "limequat/sql/sqlite_connection.h"

#include <cmath>
#include <thread>
#include <variant>

#include <fmt/format.h>
#include <sqlite3.h>

#include "limequat/base/escape.h"
#include "limequat/base/result_macros.h"
#include "limequat/base/utf8.h"
#include "limequat/sql/limits.h"

namespace limequat::sql {

namespace {

constexpr std::chrono::milliseconds kBusyPoll(5);
// Instructions of SQLite's virtual machine between two looks at the limits: well below
// a millisecond.
constexpr int kProgressInterval = 5000;
// Statements are literals of the program; the bound is for lists of "?" of many lengths.
constexpr std::size_t kMaxStatements = 200;

// Binds one parameter; SQLite's result code. The value must live until the statement is reset.
struct Bind {
  sqlite3_stmt* statement;
  int index;

  int operator()(std::monostate) const { return sqlite3_bind_null(statement, index); }
  int operator()(std::int64_t value) const { return sqlite3_bind_int64(statement, index, value); }
  int operator()(double value) const { return sqlite3_bind_double(statement, index, value); }
  int operator()(const std::string& value) const {
    return sqlite3_bind_text64(statement, index, value.data(), value.size(), SQLITE_STATIC,
                               SQLITE_UTF8);
  }
  int operator()(const Bytes& value) const {
    // No pointer would mean NULL, which is another value than no bytes.
    if (value.empty()) return sqlite3_bind_zeroblob(statement, index, 0);
    return sqlite3_bind_blob64(statement, index, value.data(), value.size(), SQLITE_STATIC);
  }
};

// PostgreSQL and MariaDB refuse other text; a row that holds it could not be moved to them.
bool IsUtf8(std::string_view text) {
  while (!text.empty()) {
    const CodePoint point = DecodeUtf8(text);
    if (point.length == 0) return false;
    text.remove_prefix(point.length);
  }
  return true;
}

Status CheckValue(const Value& value, std::size_t number) {
  if (const auto* text = std::get_if<std::string>(&value); text != nullptr && !IsUtf8(*text)) {
    return Malformed("sql.text",
                     fmt::format("value {} is not UTF-8: {}", number, EscapeForDisplay(*text, 64)));
  }
  if (const auto* real = std::get_if<double>(&value); real != nullptr && std::isnan(*real)) {
    return Malformed("sql.number", fmt::format("value {} is not a number", number));
  }
  return {};
}

// What a value takes in memory, about.
std::size_t SizeOf(const Value& value) {
  if (const auto* text = std::get_if<std::string>(&value)) return sizeof(Value) + text->size();
  if (const auto* bytes = std::get_if<Bytes>(&value)) return sizeof(Value) + bytes->size();
  return sizeof(Value);
}

Value ReadColumn(sqlite3_stmt* statement, int column) {
  switch (sqlite3_column_type(statement, column)) {
    case SQLITE_INTEGER:
      return std::int64_t{sqlite3_column_int64(statement, column)};
    case SQLITE_FLOAT:
      return sqlite3_column_double(statement, column);
    case SQLITE_TEXT: {
      // The pointer first: it settles the encoding in which the size is counted.
      const unsigned char* text = sqlite3_column_text(statement, column);
      const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement, column));
      return std::string(AsText(ByteView(text, size)));
    }
    case SQLITE_BLOB: {
      const auto* bytes = static_cast<const std::uint8_t*>(sqlite3_column_blob(statement, column));
      const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement, column));
      return size == 0 ? Bytes() : Bytes(bytes, bytes + size);
    }
    default:
      return std::monostate();
  }
}

}  // namespace

// Resets the statement when it ends. SQLite keeps pointers to the parameters, but each
// run binds all of them anew.
class SqliteConnection::Run {
 public:
  Run(SqliteConnection& connection, sqlite3_stmt* statement)
      : connection_(connection), statement_(statement) {}
  ~Run() { sqlite3_reset(statement_); }
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  Status BindAll(const Parameters& parameters) {
    const int expected = sqlite3_bind_parameter_count(statement_);
    if (parameters.size() != static_cast<std::size_t>(expected)) {
      return Internal("sql.statement", fmt::format("{} values for a statement with {} places",
                                                   parameters.size(), expected));
    }
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      LQ_RETURN_IF_ERROR(CheckValue(parameters[i], i + 1));
      const int code = std::visit(Bind{statement_, static_cast<int>(i) + 1}, parameters[i]);
      if (code != SQLITE_OK) return connection_.Failure(code);
    }
    return {};
  }

  enum class Next { kRow, kEnd };

  Result<Next> Step() {
    const int code = sqlite3_step(statement_);
    if (code == SQLITE_ROW) return Next::kRow;
    if (code == SQLITE_DONE) return Next::kEnd;
    return connection_.Failure(code);
  }

  std::vector<Value> Columns() const {
    std::vector<Value> columns;
    const int count = sqlite3_column_count(statement_);
    columns.reserve(static_cast<std::size_t>(count));
    for (int i = 0; i < count; ++i) columns.push_back(ReadColumn(statement_, i));
    return columns;
  }

 private:
  SqliteConnection& connection_;
  sqlite3_stmt* const statement_;
};

void SqliteConnection::CloseDatabase::operator()(sqlite3* database) const {
  sqlite3_close_v2(database);
}
void SqliteConnection::Finalize::operator()(sqlite3_stmt* statement) const {
  sqlite3_finalize(statement);
}

SqliteConnection::~SqliteConnection() = default;

Result<std::unique_ptr<SqliteConnection>> SqliteConnection::Open(
    const std::string& path, Role role, std::chrono::milliseconds busy_timeout) {
  std::unique_ptr<SqliteConnection> connection(new SqliteConnection(role, busy_timeout));
  if (auto configured = connection->Configure(path); !configured) {
    return Unavailable("sql.open", fmt::format("{}: {}", path, configured.error().message));
  }
  return connection;
}

Status SqliteConnection::Configure(const std::string& path) {
  // The file exists: SQLite never creates one, whose mode would follow the umask.
  sqlite3* database = nullptr;
  const int code =
      sqlite3_open_v2(path.c_str(), &database,
                      SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, nullptr);
  database_.reset(database);
  if (code != SQLITE_OK) return Failure(code);
  sqlite3_busy_handler(database, &OnBusy, this);
  if (sqlite3_db_readonly(database, "main") != 0) {
    return Unavailable("sql.open", "it cannot be written");
  }

  LQ_RETURN_IF_ERROR(ExpectPragma("journal_mode = wal", "wal"));
  // In WAL mode nothing less than FULL makes a commit durable.
  LQ_RETURN_IF_ERROR(Control("PRAGMA synchronous = FULL"));
  LQ_RETURN_IF_ERROR(ExpectPragma("synchronous", "2"));
  LQ_RETURN_IF_ERROR(Control("PRAGMA foreign_keys = ON"));
  LQ_RETURN_IF_ERROR(ExpectPragma("foreign_keys", "1"));
  if (role_ == Role::kReader) LQ_RETURN_IF_ERROR(Control("PRAGMA query_only = ON"));

  sqlite3_progress_handler(database, kProgressInterval, &OnProgress, this);
  sqlite3_set_authorizer(database, &OnAuthorize, this);
  return {};
}

Status SqliteConnection::ExpectPragma(std::string_view pragma, std::string_view expected) {
  LQ_ASSIGN_OR_RETURN(const std::vector<Row> rows, Query(fmt::format("PRAGMA {}", pragma)));
  std::string got = "nothing";
  if (!rows.empty() && rows[0].size() == 1) {
    if (auto text = rows[0].Text(0)) got = *text;
    if (auto number = rows[0].Int(0)) got = fmt::to_string(*number);
  }
  if (got == expected) return {};
  return Unavailable("sql.open",
                     fmt::format("SQLite says {} for \"{}\", {} is needed", got, pragma, expected));
}

Result<std::int64_t> SqliteConnection::Execute(std::string_view statement,
                                               const Parameters& parameters) {
  LQ_ASSIGN_OR_RETURN(sqlite3_stmt * prepared, Prepare(statement));
  Run run(*this, prepared);
  LQ_RETURN_IF_ERROR(run.BindAll(parameters));
  // SQLite keeps the count of the last INSERT, UPDATE or DELETE: it says nothing after
  // other statements.
  const std::int64_t before = sqlite3_total_changes64(database_.get());
  LQ_ASSIGN_OR_RETURN(const Run::Next next, run.Step());
  if (next == Run::Next::kRow) {
    return Internal("sql.statement", "a statement with a result was run with Execute");
  }
  if (sqlite3_total_changes64(database_.get()) == before) return 0;
  return sqlite3_changes64(database_.get());
}

Result<std::vector<Row>> SqliteConnection::Query(std::string_view statement,
                                                 const Parameters& parameters, std::size_t limit) {
  LQ_ASSIGN_OR_RETURN(sqlite3_stmt * prepared, Prepare(statement));
  Run run(*this, prepared);
  LQ_RETURN_IF_ERROR(run.BindAll(parameters));
  std::vector<Row> rows;
  std::size_t bytes = 0;
  for (;;) {
    LQ_ASSIGN_OR_RETURN(const Run::Next next, run.Step());
    if (next == Run::Next::kEnd) return rows;
    if (rows.size() == limit) {
      return Internal("sql.limit", fmt::format("a result of more than {} rows", limit));
    }
    std::vector<Value> columns = run.Columns();
    for (const Value& value : columns) bytes += SizeOf(value);
    if (bytes > kMaxQueryBytes) {
      return Internal("sql.limit", fmt::format("a result of more than {} bytes", kMaxQueryBytes));
    }
    rows.emplace_back(std::move(columns));
  }
}

Result<std::int64_t> SqliteConnection::Now() {
  // The database is on this machine, and so is its clock.
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::floor<std::chrono::microseconds>(now).count();
}

Result<sqlite3_stmt*> SqliteConnection::Prepare(std::string_view statement) {
  stopped_.reset();
  if (Stop()) return *stopped_;
  if (const auto found = statements_.find(std::string(statement)); found != statements_.end()) {
    return found->second.get();
  }
  sqlite3_stmt* raw = nullptr;
  const char* rest = nullptr;
  const int code =
      sqlite3_prepare_v3(database_.get(), statement.data(), static_cast<int>(statement.size()),
                         SQLITE_PREPARE_PERSISTENT, &raw, &rest);
  StatementHandle prepared(raw);
  if (code != SQLITE_OK) return Failure(code);
  const auto used = static_cast<std::size_t>(rest - statement.data());
  if (prepared == nullptr || statement.find_first_not_of(" \n\t", used) != std::string_view::npos) {
    return Internal("sql.statement", "not exactly one statement");
  }
  if (statements_.size() >= kMaxStatements) statements_.clear();
  return statements_.emplace(statement, std::move(prepared)).first->second.get();
}

Status SqliteConnection::Control(const char* statement) {
  stopped_.reset();
  in_control_ = true;
  const int code = sqlite3_exec(database_.get(), statement, nullptr, nullptr, nullptr);
  in_control_ = false;
  if (code != SQLITE_OK) return Failure(code);
  return {};
}

Status SqliteConnection::BeginRead() { return Control("BEGIN"); }
Status SqliteConnection::Commit() { return Control("COMMIT"); }
Status SqliteConnection::Savepoint() { return Control("SAVEPOINT work"); }
Status SqliteConnection::ReleaseSavepoint() { return Control("RELEASE work"); }
Status SqliteConnection::RollbackToSavepoint() {
  LQ_RETURN_IF_ERROR(Control("ROLLBACK TO work"));
  return Control("RELEASE work");
}

Status SqliteConnection::Begin() {
  // SQLite would go on writing to a file that has no name any more.
  int moved = 0;
  if (sqlite3_file_control(database_.get(), "main", SQLITE_FCNTL_HAS_MOVED, &moved) == SQLITE_OK &&
      moved != 0) {
    return Unavailable("sql.storage",
                       "the file of the database was moved or deleted while it was in use");
  }
  return Control("BEGIN IMMEDIATE");
}

Status SqliteConnection::Probe() {
  LQ_RETURN_IF_ERROR(Begin());
  // Not used by us, and written even if it is the same.
  Status written = Control("PRAGMA user_version = 0");
  if (written) written = Commit();
  Rollback();
  return written;
}

void SqliteConnection::Rollback() {
  // What can fail here is a disk; the transaction is over either way, and what was
  // written is undone when the file is next read.
  if (InTransaction()) static_cast<void>(Control("ROLLBACK"));
}

bool SqliteConnection::InTransaction() const {
  return sqlite3_get_autocommit(database_.get()) == 0;
}

Error SqliteConnection::Failure(int code) {
  if (stopped_) return *stopped_;
  const std::string said = EscapeForDisplay(sqlite3_errmsg(database_.get()), 512);
  if (code == SQLITE_CONSTRAINT_UNIQUE || code == SQLITE_CONSTRAINT_PRIMARYKEY) {
    return Conflict("sql.unique", said);
  }
  switch (code & 0xff) {
    case SQLITE_CONSTRAINT:
      return Conflict("sql.constraint", said);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return Unavailable("sql.busy", said);
    case SQLITE_CANTOPEN:
    case SQLITE_CORRUPT:
    case SQLITE_FULL:
    case SQLITE_IOERR:
    case SQLITE_NOMEM:
    case SQLITE_NOTADB:
    case SQLITE_PERM:
    case SQLITE_PROTOCOL:
      return Unavailable("sql.storage", said);
    case SQLITE_READONLY:
      if (role_ == Role::kWriter) return Unavailable("sql.storage", said);
      return Internal("sql.statement", "a reading connection was asked to write");
    default:
      return Internal("sql.statement", said);
  }
}

bool SqliteConnection::Stop() {
  if (limits_ == nullptr) return false;
  Status within = CheckLimits(*limits_);
  if (within) return false;
  stopped_ = std::move(within).error();
  return true;
}

int SqliteConnection::OnProgress(void* self) {
  return static_cast<SqliteConnection*>(self)->Stop() ? 1 : 0;
}

int SqliteConnection::OnBusy(void* self, int calls) {
  auto* connection = static_cast<SqliteConnection*>(self);
  const auto now = std::chrono::steady_clock::now();
  if (calls == 0) connection->busy_since_ = now;
  if (now - connection->busy_since_ >= connection->busy_timeout_ || connection->Stop()) return 0;
  std::this_thread::sleep_for(kBusyPoll);
  return 1;
}

int SqliteConnection::OnAuthorize(void* self, int action, const char* name, const char*,
                                  const char*, const char*) {
  if (static_cast<const SqliteConnection*>(self)->in_control_) return SQLITE_OK;
  switch (action) {
    case SQLITE_PRAGMA:
      // ALTER TABLE asks it when a column with a constraint is added.
      return name != nullptr && std::string_view(name) == "quick_check" ? SQLITE_OK : SQLITE_DENY;
    case SQLITE_TRANSACTION:
    case SQLITE_SAVEPOINT:
    case SQLITE_ATTACH:
    case SQLITE_DETACH:
      return SQLITE_DENY;
    default:
      return SQLITE_OK;
  }
}

}  // namespace limequat::sql
