{#- For tests: where every item ended up, by its last status, and the groups that it counts in at
    as_of or, if it has ended, at its end. -#}
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
            ) as row_num

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

            from {{ ref('check_staged_statuses') }}
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

    where last_of.row_num = 1
{%- endmacro %}
