{#- The select statement of one metric_flow* table: the rows of measure_flow_periods of one grain.

    measure_flow_periods holds every grain, and totals as rows with the key 'all', so a sum over it
    counts an item many times. A sum over one of these tables counts an item once per level.

    key_column: Name of the primary key, which joins the columns of the grain with '|'.
    period: day, week, month or increment. Days have only columns that may be added up: no
        percentiles, no shares. They are measured for all teams together only: not with by_team.
    by_team: One row per team, with team_key; else one row for all teams, with `load`.
    by_type: One row per type of work, with work_type; else one row for all types. -#}
{% macro flow_table(key_column, period, by_team=false, by_type=false) -%}
with

periods as (

    select * from {{ ref('measure_flow_periods') }}
    where
        period = '{{ period }}'
        and team_key {{ '<>' if by_team else '=' }} 'all'
        and work_type {{ '<>' if by_type else '=' }} 'all'

),

-- One row per value stream. Time in statuses without a stage is missing from the numbers of its
-- stream, so each row says whether that is too much (is_marked).
unmapped_time as (

    select * from {{ ref('metric_unmapped_time') }}

),

final as (

    select
        periods.value_stream_key || '|' || workflow || '|' || level || '|'
        {%- if by_type %} || work_type || '|'{% endif %}
        {%- if by_team %} || team_key || '|'{% endif %} || cast(period_start as varchar)
            as {{ key_column }},
        periods.value_stream_key,
        workflow,
        level,
        {%- if by_type %}
        work_type,
        {%- endif %}
        {%- if by_team %}
        team_key,
        {%- endif %}
        {%- if period == 'increment' %}
        increment_key,
        {%- endif %}
        velocity,
        earlier_finishes,
        n,
        {%- if period != 'day' %}
        flow_time_p50_s,
        flow_time_p85_s,
        flow_time_p95_s,
        {%- endif %}
        in_flow_s,
        active_s,
        wait_s,
        rework_s,
        first_pass_items,
        has_modelled_waits,
        {%- if period != 'day' %}
        flow_efficiency_share,
        started_share,
        rework_share,
        first_pass_yield_share,
        {%- if by_type %}
        distribution_share,
        {%- endif %}
        {%- endif %}
        {%- if not by_team %}
        load,
        {%- endif %}
        is_complete_period,
        coalesce(unmapped_time.is_marked, false) as is_marked,
        {%- if period == 'day' %}
        period_start as date_day
        {%- elif period == 'increment' %}
        period_start as increment_start,
        period_end as increment_end
        {%- else %}
        period_start as {{ period }}_start
        {%- endif %}

    from periods

    left join unmapped_time
        on periods.value_stream_key = unmapped_time.value_stream_key

)

select * from final
{%- endmacro %}
