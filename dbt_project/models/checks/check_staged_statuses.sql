-- Invariants hold it against fct_stage_transitions and what is made of that: it shares nothing
-- with them but the seeds.
with

final as (

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

)

select * from final
