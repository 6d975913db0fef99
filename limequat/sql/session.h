#pragma once

#include "limequat/base/result.h"
#include "limequat/sql/database.h"

namespace limequat::sql {

// A connection together with its transactions: what the writer and the migrations
// need of every kind of database. One thread at a time. Errors as of Connection.
class Session : public Connection {
 public:
  // Begins a transaction that may write; waits for writers of other processes.
  virtual Status Begin() = 0;
  // Returns when everything since Begin is on the disk. After an error the
  // transaction may still be open.
  virtual Status Commit() = 0;
  // Without effect outside a transaction.
  virtual void Rollback() = 0;
  // Whether a transaction is open: a database may give it up by itself (disk full).
  virtual bool InTransaction() const = 0;

  // One level inside the transaction; RollbackToSavepoint also ends it.
  virtual Status Savepoint() = 0;
  virtual Status ReleaseSavepoint() = 0;
  virtual Status RollbackToSavepoint() = 0;

  // Shows that the database is there and can be written, by writing and syncing.
  virtual Status Probe() = 0;

  // Limits for the statements that follow; nullptr: none. A statement that is stopped
  // may take the transaction with it (InTransaction). `limits` must outlive its use.
  virtual void SetLimits(const Limits* limits) = 0;
};

}  // namespace limequat::sql
