"""What Alembic runs: our scripts over the connection that `app.store.migrate` has opened and locked."""

from alembic import context

from app.store.tables import metadata

connection = context.config.attributes["connection"]

context.configure(
    connection=connection,
    target_metadata=metadata,
    transaction_per_migration=True,
    render_as_batch=connection.dialect.name == "sqlite",
    compare_type=True,
    compare_server_default=True,
)

with context.begin_transaction():
    context.run_migrations()
