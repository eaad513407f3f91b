{#- For tests: the stage of every status of every item, from the statuses that its source recorded
    and from the seeds alone. fct_stage_transitions and what is made of it is the other side. -#}
{% macro staged_statuses() -%}
    select
        transitions.work_item_key,
        transitions.transition_seq,
        transitions.changed_at,
        current_items.workflow,
        stages.stage_key,
        stages.stage,
        stages.flow_state

    from {{ ref('fct_status_transitions') }} as transitions

    inner join {{ ref('dim_work_items') }} as current_items
        on transitions.work_item_key = current_items.work_item_key and current_items.is_current

    inner join {{ ref('dim_work_items') }} as versions
        on transitions.work_item_version_key = versions.work_item_version_key

    inner join {{ ref('dim_value_streams') }} as value_streams
        on versions.value_stream_key = value_streams.value_stream_key

    left join {{ ref('status_stages') }} as mapping
        on
            current_items.source_system = mapping.source_system
            and current_items.workflow = mapping.workflow
            and lower(transitions.to_status) = mapping.status
            -- Few lines are dated, and local time is dear.
            and case
                when mapping.valid_from is null and mapping.valid_to is null then true
                else
                    coalesce(mapping.valid_from, date '0001-01-01') <= cast(
                        {{ local_time('transitions.changed_at', 'value_streams.time_zone') }}
                        as date
                    )
                    and coalesce(mapping.valid_to, date '9999-12-31') > cast(
                        {{ local_time('transitions.changed_at', 'value_streams.time_zone') }}
                        as date
                    )
            end

    left join {{ ref('dim_stages') }} as mapped
        on
            mapping.workflow = mapped.workflow
            and mapping.stage = mapped.stage

    inner join {{ ref('dim_stages') }} as stages
        on
            current_items.workflow = stages.workflow
            and stages.stage = case
                when transitions.source_event_id = transitions.work_item_key || ':deleted'
                    then 'deleted'
                else coalesce(mapped.stage, 'unmapped')
            end
{%- endmacro %}

{#- Where every item ended up: its last status, and the groups that it counts in at as_of or, if it
    has ended, at its end. -#}
{% macro last_stages() -%}
    select
        last_of.work_item_key,
        last_of.changed_at,
        last_of.stage_key,
        last_of.stage,
        last_of.flow_state,
        last_of.workflow,
        versions.value_stream_key,
        versions.level,
        versions.work_type,
        case
            when last_of.stage = 'deleted' then 'deleted'
            when last_of.flow_state in ('done', 'cancelled') then last_of.flow_state
            else 'open'
        end as outcome

    from (
        select
            *,
            -- When the stage began: statuses of one stage are one stay.
            max(case when is_move then changed_at end) over (partition by work_item_key)
                as stage_began_at,
            row_number() over (
                partition by work_item_key
                order by transition_seq desc
            ) as place

        from (
            select
                *,
                coalesce(
                    stage <> lag(stage) over (
                        partition by work_item_key
                        order by transition_seq
                    ),
                    true
                ) as is_move

            from ({{ staged_statuses() }}) as statuses
        ) as moves
    ) as last_of

    inner join {{ ref('dim_work_items') }} as versions
        on
            last_of.work_item_key = versions.work_item_key
            and {{ valid_at(
                'versions',
                'case when last_of.flow_state in (\'done\', \'cancelled\')'
                ~ ' then last_of.stage_began_at else ' ~ as_of() ~ ' end'
            ) }}

    where last_of.place = 1
{%- endmacro %}
