/** Everything that a hostile statement could have changed; a language that was loaded brings settings of its own. */
export const STATE = `SELECT
  (SELECT md5(string_agg(t::text, ',' ORDER BY t::text)) FROM customers t),
  (SELECT md5(string_agg(t::text, ',' ORDER BY t::text)) FROM products t),
  (SELECT md5(string_agg(t::text, ',' ORDER BY t::text)) FROM orders t),
  (SELECT md5(string_agg(t::text, ',' ORDER BY t::text)) FROM order_items t),
  (SELECT md5(string_agg(t::text, ',' ORDER BY t::text)) FROM sales t),
  (SELECT count(*) FROM pg_class), (SELECT count(*) FROM pg_roles), (SELECT count(*) FROM pg_proc),
  (SELECT count(*) FROM pg_namespace), (SELECT count(*) FROM pg_extension), (SELECT count(*) FROM pg_db_role_setting),
  (SELECT md5(string_agg(relname || coalesce(relacl::text, ''), ',' ORDER BY oid)) FROM pg_class),
  (SELECT count(*) FROM pg_largeobject_metadata), (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'),
  (SELECT count(*) FROM pg_prepared_statements WHERE name <> ''), (SELECT count(*) FROM pg_cursors WHERE is_holdable),
  (SELECT count(*) FROM pg_listening_channels()),
  (SELECT md5(string_agg(name || '=' || setting, ',' ORDER BY name)) FROM pg_settings WHERE name NOT LIKE 'plpgsql.%'),
  current_user, session_user, current_setting('transaction_read_only')`;
