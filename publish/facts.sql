-- Tables of a published file that say what it is, made in a draft that is attached as `copy`.
create table if not exists copy.meta.publications (
    version_no bigint not null,
    refresh_id varchar,
    as_of timestamp,
    schema_version bigint not null,
    flowhouse_version varchar not null,
    dbt_version varchar not null,
    duckdb_version varchar not null,
    definitions varchar,
    mappings varchar,
    tests bigint not null,
    passed bigint not null,
    warned bigint not null,
    previous_version_no bigint,
    restated_values bigint not null,
    published_at timestamp not null
);
comment on table copy.meta.publications is
    'One row per publication up to this file, whose own has the highest number.';
comment on column copy.meta.publications.version_no is
    'Number of the published file: warehouse-<number>-<time>.duckdb.';
comment on column copy.meta.publications.refresh_id is 'The refresh that built and tested it.';
comment on column copy.meta.publications.as_of is
    'The instant that open work was aged to (UTC).';
comment on column copy.meta.publications.schema_version is
    'Raised when published columns go or change.';
comment on column copy.meta.publications.flowhouse_version is 'Version of flowhouse.';
comment on column copy.meta.publications.dbt_version is 'Version of dbt.';
comment on column copy.meta.publications.duckdb_version is 'Version of DuckDB.';
comment on column copy.meta.publications.definitions is
    'Changes when the definition of any table does.';
comment on column copy.meta.publications.mappings is
    'Changes when a line of any seed does.';
comment on column copy.meta.publications.tests is
    'How many tests the refresh has results of; all of them are in quality_results.';
comment on column copy.meta.publications.passed is 'How many of them passed.';
comment on column copy.meta.publications.warned is
    'How many of them warned; none failed, or nothing would have been published.';
comment on column copy.meta.publications.previous_version_no is
    'The publication that readers had before; null for the first one.';
comment on column copy.meta.publications.restated_values is
    'How many values of past periods are other than there: its rows of restatements.';
comment on column copy.meta.publications.published_at is 'When it was published (UTC).';

create table if not exists copy.meta.restatements (
    version_no bigint not null,
    table_name varchar not null,
    row_key varchar not null,
    value_stream_key varchar,
    value_name varchar not null,
    old_value double,
    new_value double,
    cause varchar not null,
    period_start date not null
);
comment on table copy.meta.restatements is
    'One row per publication and value of a period that was over which is other than in the publication before.';
comment on column copy.meta.restatements.version_no is 'The publication that says so.';
comment on column copy.meta.restatements.table_name is 'The table of the schema metrics.';
comment on column copy.meta.restatements.row_key is
    'Key of its row: the grain of the table in one text.';
comment on column copy.meta.restatements.value_stream_key is
    'Value stream of the row; null where the table has none.';
comment on column copy.meta.restatements.value_name is 'The column.';
comment on column copy.meta.restatements.old_value is
    'What it was; null too where there was no such row.';
comment on column copy.meta.restatements.new_value is
    'What it is; null too where there is no such row any more.';
comment on column copy.meta.restatements.cause is
    'The first of these that applies to the table: definition_change (of its SQL, of what it rests on, of a tool), mapping_change (a line of a seed), late_data (loads brought other rows), as_of (aged to another instant), unexplained.';
comment on column copy.meta.restatements.period_start is 'First day of the period.';

create table if not exists copy.meta.table_versions (
    schema_name varchar not null,
    table_name varchar not null,
    definitions varchar not null,
    mappings varchar not null,
    data varchar not null
);
comment on table copy.meta.table_versions is
    'One row per published table: what decided its rows.';
comment on column copy.meta.table_versions.schema_name is 'Its schema.';
comment on column copy.meta.table_versions.table_name is 'Its name.';
comment on column copy.meta.table_versions.definitions is
    'Changes when its SQL does, that of what it rests on, or a tool.';
comment on column copy.meta.table_versions.mappings is
    'Changes when a line of a seed does that it rests on.';
comment on column copy.meta.table_versions.data is
    'Changes when a row does of a raw table that it rests on.';
