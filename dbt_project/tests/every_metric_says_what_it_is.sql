-- Every number of every metrics table, as its contract lists it. What is left out counts or numbers
-- the rows, or says how a forecast was made.
{%- set are_no_measures = [
    'attempt_no', 'horizon_days', 'ordinal', 'percentile', 'phase_no', 'point_no', 'seed',
    'stay_no', 'step_no', 'trials', 'window_days'
] %}
{%- set published = [] %}
{%- for node in graph.nodes.values() | sort(attribute='unique_id') if execute %}
    {%- if node.resource_type == 'model' and node.schema == 'metrics' %}
        {%- for column in node.columns.values() %}
            {%- if column.data_type in ('bigint', 'integer', 'double')
                and column.name not in are_no_measures %}
                {%- do published.append((node.name, column.name)) %}
            {%- endif %}
        {%- endfor %}
    {%- endif %}
{%- endfor %}

with

published as (

    {%- for table, column in published %}
        select
            '{{ table }}' as table_name,
            '{{ column }}' as metric
        union all
    {%- endfor %}
    select
        null as table_name,
        null as metric
    where false

),

described as (

    select * from {{ ref('dim_metrics') }}

)

select
    coalesce(published.table_name, 'dim_metrics') as table_name,
    coalesce(published.metric, described.metric) as metric

from published

full join described
    on published.metric = described.metric

where
    described.metric is null
    or described.version is null
    or coalesce(described.definition, '') = ''
    or coalesce(described.unit, '') = ''
    or coalesce(described.better, '') not in ('higher', 'lower', 'neither')
    or coalesce(described.owner, '') = ''
    or coalesce(described.target, '') = ''
    or (described.metric like '%\_s' escape '\') <> (described.unit = 's')
    or (described.metric like '%\_share' escape '\') <> (described.unit = 'share')
    -- One chart is of a number that no column holds: metric_xmr names it in its rows, of which
    -- there are none before anything was finished.
    or (published.metric is null and described.metric <> 'flow_time_log_h')
