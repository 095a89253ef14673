/**
 * The functions of `pg_catalog` that a query may call. All of them compute from their arguments or tell the time;
 * none reads files, settings or other sessions, changes state, waits, or takes a query as text (`query_to_xml`,
 * `ts_stat`). A function that is not here is refused, so a new PostgreSQL cannot open a door by itself.
 */
export const ALLOWED_FUNCTIONS: ReadonlySet<string> = new Set(
  `
  any_value array_agg avg bit_and bit_or bit_xor bool_and bool_or corr count covar_pop covar_samp every max min mode
  percentile_cont percentile_disc range_agg range_intersect_agg regr_avgx regr_avgy regr_count regr_intercept regr_r2
  regr_slope regr_sxx regr_sxy regr_syy stddev stddev_pop stddev_samp string_agg sum var_pop var_samp variance

  cume_dist dense_rank first_value lag last_value lead nth_value ntile percent_rank rank row_number

  abs acos acosd acosh asin asind asinh atan atan2 atan2d atand atanh cbrt ceil ceiling cos cosd cosh cot cotd degrees
  div erf erfc exp factorial floor gamma gcd lcm lgamma ln log log10 min_scale mod pi pow power radians random
  random_normal round scale sign sin sind sinh sqrt tan tand tanh trim_scale trunc width_bucket

  ascii bit_count bit_length btrim casefold char_length character_length chr concat concat_ws convert convert_from
  convert_to crc32 crc32c decode encode format get_bit get_byte initcap is_normalized left length like like_escape
  lower lpad ltrim md5 normalize notlike octet_length overlay parse_ident position quote_ident quote_literal
  quote_nullable regexp_count regexp_instr regexp_like regexp_match regexp_matches regexp_replace
  regexp_split_to_array regexp_split_to_table regexp_substr repeat replace reverse right rpad rtrim set_bit set_byte
  sha224 sha256 sha384 sha512 similar_escape similar_to_escape split_part starts_with string_to_array string_to_table
  strip strpos substr substring textcat to_ascii to_bin to_hex to_oct translate unicode_assigned unistr upper

  age clock_timestamp date_add date_bin date_part date_subtract date_trunc extract isfinite justify_days justify_hours
  justify_interval make_date make_interval make_time make_timestamp make_timestamptz now overlaps statement_timestamp
  timezone to_char to_date to_number to_timestamp transaction_timestamp

  array_append array_cat array_dims array_fill array_length array_lower array_ndims array_position array_positions
  array_prepend array_remove array_replace array_reverse array_sample array_shuffle array_sort array_to_json
  array_to_string array_upper cardinality generate_series generate_subscripts trim_array unnest

  json_agg json_agg_strict json_array_elements json_array_elements_text json_array_length json_build_array
  json_build_object json_each json_each_text json_extract_path json_extract_path_text json_object json_object_agg
  json_object_agg_strict json_object_agg_unique json_object_agg_unique_strict json_object_keys json_populate_record
  json_populate_recordset json_strip_nulls json_to_record json_to_recordset json_typeof jsonb_agg jsonb_agg_strict
  jsonb_array_elements jsonb_array_elements_text jsonb_array_length jsonb_build_array jsonb_build_object jsonb_each
  jsonb_each_text jsonb_extract_path jsonb_extract_path_text jsonb_insert jsonb_object jsonb_object_agg
  jsonb_object_agg_strict jsonb_object_agg_unique jsonb_object_agg_unique_strict jsonb_object_keys jsonb_path_exists
  jsonb_path_exists_tz jsonb_path_match jsonb_path_match_tz jsonb_path_query jsonb_path_query_array
  jsonb_path_query_array_tz jsonb_path_query_first jsonb_path_query_first_tz jsonb_path_query_tz
  jsonb_populate_record jsonb_populate_recordset jsonb_pretty jsonb_set jsonb_set_lax jsonb_strip_nulls
  jsonb_to_record jsonb_to_recordset jsonb_typeof row_to_json to_json to_jsonb

  isempty lower_inc lower_inf multirange range_merge upper_inc upper_inf int4range int8range numrange daterange tsrange
  tstzrange int4multirange int8multirange nummultirange datemultirange tsmultirange tstzmultirange

  phraseto_tsquery plainto_tsquery setweight to_tsquery to_tsvector ts_headline ts_rank ts_rank_cd numnode querytree
  websearch_to_tsquery array_to_tsvector

  abbrev broadcast family host hostmask masklen netmask network

  enum_first enum_last enum_range hashtext hashtextextended timeofday tsvector_to_array ts_delete ts_filter
  inet_merge inet_same_family set_masklen hostmask
  num_nonnulls num_nulls pg_collation_for pg_column_size pg_size_pretty pg_typeof version current_database
  current_schema
  gen_random_uuid uuid_extract_timestamp uuid_extract_version uuidv4 uuidv7

  area box center circle diameter height lseg path point polygon radius slope width

  bit bool bpchar bytea char cidr date float4 float8 inet int2 int4 int8 interval json jsonb macaddr money name numeric
  oid text time timestamp timestamptz timetz tsquery tsvector uuid varbit varchar
  `
    .trim()
    .split(/\s+/),
);

/**
 * The built-in types that a text may be turned into. Their input functions look at the text alone; those of the
 * `reg` types and of `aclitem` tell which tables, functions and roles exist.
 */
export const ALLOWED_TYPES: ReadonlySet<string> = new Set(
  `
  bit bool box bpchar bytea char cid cidr circle date datemultirange daterange float4 float8 inet int2 int4
  int4multirange int4range int8 int8multirange int8range interval json jsonb jsonpath line lseg macaddr macaddr8 money
  name numeric nummultirange numrange oid path point polygon record text tid time timestamp timestamptz timetz
  tsmultirange tsquery tsrange tstzmultirange tstzrange tsvector uuid varbit varchar xid xid8 xml
  `
    .trim()
    .split(/\s+/),
);

/** What other databases call it, for those who are used to them. */
export const DIALECT_HINTS: Readonly<Record<string, string>> = {
  charindex: "In PostgreSQL: position('x' in text).",
  curdate: 'In PostgreSQL: current_date.',
  date_format: "In PostgreSQL: to_char(date, 'YYYY-MM').",
  dateadd: "In PostgreSQL: date + interval '1 day'.",
  datediff: 'In PostgreSQL: end_date - start_date gives days; age(a, b) an interval.',
  datetime: 'In PostgreSQL: a cast to timestamp.',
  day: 'In PostgreSQL: extract(day FROM date).',
  getdate: 'In PostgreSQL: now().',
  group_concat: "In PostgreSQL: string_agg(text, ', ').",
  ifnull: 'In PostgreSQL: coalesce(a, b).',
  iif: 'In PostgreSQL: CASE WHEN … THEN … ELSE … END.',
  isnull: 'In PostgreSQL: coalesce(a, b), or a IS NULL.',
  julianday: 'In PostgreSQL: subtract dates, which gives days.',
  len: 'In PostgreSQL: length(text).',
  list: 'In PostgreSQL: array_agg(value).',
  listagg: "In PostgreSQL: string_agg(text, ', ').",
  median: 'In PostgreSQL: percentile_cont(0.5) WITHIN GROUP (ORDER BY value).',
  month: 'In PostgreSQL: extract(month FROM date).',
  nvl: 'In PostgreSQL: coalesce(a, b).',
  quarter: 'In PostgreSQL: extract(quarter FROM date).',
  strftime: "In PostgreSQL: to_char(date, 'YYYY-MM').",
  sysdate: 'In PostgreSQL: now().',
  total: 'In PostgreSQL: sum(value).',
  week: 'In PostgreSQL: extract(week FROM date).',
  year: 'In PostgreSQL: extract(year FROM date).',
};
