-- noqa: disable=LT02,AL04
-- Raw rows on one side, counted per item; every table after them on the other. Which raw tables
-- bring items is said by the sources (macros/work_item_tables.sql), and by nothing here.
{%- set tables = work_item_tables() %}

with

{%- set staging = [] %}

raw_rows as (
{% for table in tables %}
    {%- set says = table.config.meta %}
    {%- if says.work_item_staging not in staging %}
        {%- do staging.append(says.work_item_staging) %}
    {%- endif %}
    {%- set creations = [] %}
    {%- for column in says.work_item_born_at %}
        {%- if column.startswith('payload.') %}
            {%- set name = column.split('.')[1] %}
            {%- do creations.append(safe_cast_text(
                '(' ~ parse_json('payload', {name: 'VARCHAR'}) ~ ').' ~ name, 'timestamp'
            )) %}
        {%- else %}
            {%- do creations.append(utc(column)) %}
        {%- endif %}
    {%- endfor %}
    select
        '{{ says.work_item_key }}' || {{ says.work_item_id }} as work_item_key,
        '{{ table.source_name }}' as source_system,
        '{{ table.name }}' as raw_table,
        '{{ says.work_item_kind }}' as item_kind,
        {{ says.work_item_id }} as source_id,
        coalesce({{ creations | join(', ') }}, null) as born_at
    from {{ table.relation_name }}
    union all
{% endfor %}
    -- An incident of the inbox is what all events of it tell.
    select
        'inbox:incident:' || incident_events.source_id as work_item_key,
        'inbox' as source_system,
        'events' as raw_table,
        'incident' as item_kind,
        incident_events.source_id,
        least(min(incident_events.started_at), min(incident_events.occurred_at)) as born_at
    from (
        select
            source || ':' || coalesce(
                ({{ parse_json('payload', {'incident_id': 'VARCHAR'}) }}).incident_id,
                subject_id,
                event_id
            ) as source_id,
            {{ utc(safe_cast_text(
                '(' ~ parse_json('payload', {'started_at': 'VARCHAR'}) ~ ').started_at',
                'timestamp with time zone'
            )) }} as started_at,
            {{ utc('occurred_at') }} as occurred_at
        from {{ source('inbox', 'events') }}
        where type like 'incident.%'
    ) as incident_events
    group by 1, 2, 3, 4, 5
),

tombstones as (
{% for table in tables %}
    {%- set tombstones = tombstones_of(table) %}
    {%- if tombstones %}
    select
        '{{ table.source_name }}' as source_system,
        '{{ table.name }}' as raw_table,
        id as source_id,
        state = 'deleted' as is_certain
    from {{ tombstones }}
    where
        object = '{{ table.name }}'
        and state in ('deleted', 'moved')
        and {{ utc('gone_at') }} <= {{ as_of() }}
    union all
    {%- endif %}
{% endfor %}
    select
        null as source_system,
        null as raw_table,
        null as source_id,
        null as is_certain
    where false
),

staged_rows as (
{% for name in staging %}
    select work_item_key from {{ model_named(name) }}
    union all
{% endfor %}
    select work_item_key from {{ ref('int_inbox_incidents') }}
),

-- A record that changed its class is in two tables: the older row is the one that is gone.
raw_items as (

    select
        raw_rows.work_item_key,
        raw_rows.item_kind,
        min(raw_rows.source_id) as source_id,
        count(*) as raw_rows,
        min(raw_rows.born_at) as born_at,
        max(tables.tables) as tables_with_its_id,
        count(tombstones.source_id) as tombstones,
        count(case when tombstones.is_certain then 1 end) as certain_tombstones

    from raw_rows

    inner join (
        select
            source_system,
            source_id,
            item_kind <> 'pull_request' as is_record,
            count(*) as tables

        from raw_rows

        group by 1, 2, 3
    ) as tables
        on
            raw_rows.source_system = tables.source_system
            and raw_rows.source_id = tables.source_id
            and (raw_rows.item_kind <> 'pull_request') = tables.is_record

    left join tombstones
        on
            raw_rows.source_system = tombstones.source_system
            and raw_rows.raw_table = tombstones.raw_table
            and raw_rows.source_id = tombstones.source_id

    group by 1, 2

),

staged as (

    select
        work_item_key,
        count(*) as items
    from staged_rows
    group by 1

),

current_items as (

    select
        work_item_key,
        count(*) as items,
        min(item_kind) as item_kind,
        min(source_id) as source_id,
        max(case when is_deleted then 1 else 0 end) = 1 as is_deleted
    from {{ ref('dim_work_items') }}
    where is_current
    group by 1

),

creations as (

    select
        work_item_key,
        count(*) as items
    from {{ ref('fct_status_transitions') }}
    where transition_seq = 1
    group by 1

),

first_visits as (

    select
        work_item_key,
        count(*) as items
    from {{ ref('fct_stage_visits') }}
    where visit_seq = 1
    group by 1

),

flows as (

    select
        work_item_key,
        count(*) as items,
        max(case when outcome = 'deleted' then 1 else 0 end) = 1 as is_deleted
    from {{ ref('fct_work_item_flows') }}
    group by 1

),

compared as (

    select
        coalesce(raw_items.work_item_key, current_items.work_item_key) as work_item_key,
        coalesce(raw_items.item_kind, current_items.item_kind) as item_kind,
        case
            when raw_items.work_item_key is null then 'in no raw table'
            when raw_items.raw_rows <> 1 then 'twice in a raw table'
            when coalesce(staged.items, 0) <> 1 then 'not once in staging'
            -- Of an item without a creation it is not known whether it existed then.
            when current_items.work_item_key is null and raw_items.born_at <= {{ as_of() }}
                then 'no work item'
            when current_items.work_item_key is null then null
            when raw_items.born_at > {{ as_of() }} then 'a work item before it was created'
            when current_items.items <> 1 then 'several current work items'
            when
                current_items.item_kind <> raw_items.item_kind
                or current_items.source_id <> raw_items.source_id
                then 'another kind or id than in its source'
            when coalesce(creations.items, 0) <> 1 then 'no first status'
            when coalesce(first_visits.items, 0) <> 1 then 'no first visit'
            when coalesce(flows.items, 0) <> 1 then 'not one flow'
            when flows.is_deleted <> current_items.is_deleted then 'deleted in one table only'
            when
                current_items.is_deleted
                and raw_items.tombstones = 0
                and raw_items.tables_with_its_id = 1
                then 'deleted without a tombstone'
            when
                not current_items.is_deleted
                and raw_items.certain_tombstones > 0
                and raw_items.tables_with_its_id = 1
                then 'a tombstone and not deleted'
        end as fault

    from raw_items

    full join current_items
        on raw_items.work_item_key = current_items.work_item_key

    left join staged
        on raw_items.work_item_key = staged.work_item_key

    left join creations
        on current_items.work_item_key = creations.work_item_key

    left join first_visits
        on current_items.work_item_key = first_visits.work_item_key

    left join flows
        on current_items.work_item_key = flows.work_item_key

)

select
    work_item_key,
    item_kind,
    fault

from compared

where fault is not null
