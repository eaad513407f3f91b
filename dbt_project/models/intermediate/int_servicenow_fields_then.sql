{#- Fields that a record holds now and its audit tells the past of. -#}
{%- set fields = ['made_sla', 'reassignment_count', 'reopen_count', 'close_code'] -%}

with

tasks as (

    select * from {{ ref('stg_servicenow__tasks') }}

),

audits as (

    select * from {{ ref('stg_servicenow__audits') }}
    where
        field in (
            '{{ fields | join("', '") }}'
        )

),

held_now as (

    {%- for field in fields %}

        select
            work_item_key,
            '{{ field }}' as field,
            case
                when coalesce(updated_at <= {{ as_of() }}, true)
                    then cast({{ field }} as varchar)
            end as value

        from tasks
        {% if not loop.last %}
            union all
        {%- endif %}
    {%- endfor %}

),

ranked as (

    select
        *,
        changed_at <= {{ as_of() }} as has_happened,
        row_number() over (
            partition by work_item_key, field, changed_at <= {{ as_of() }}
            order by changed_at desc, update_no desc, audit_id desc
        ) as latest_place,
        row_number() over (
            partition by work_item_key, field, changed_at <= {{ as_of() }}
            order by changed_at, update_no, audit_id
        ) as first_place

    from audits

),

last_changes as (

    select * from ranked
    where has_happened and latest_place = 1

),

next_changes as (

    select * from ranked
    where not has_happened and first_place = 1

),

-- What changed later was what that change replaced; what never changed is what it is, unless the
-- record was updated since: then nobody knows.
final as (

    select
        held_now.work_item_key || ':' || held_now.field as record_field_key,
        held_now.work_item_key,
        held_now.field,
        case
            when last_changes.work_item_key is not null then last_changes.to_value
            when next_changes.work_item_key is not null then next_changes.from_value
            else held_now.value
        end as value,
        last_changes.changed_at

    from held_now

    left join last_changes
        on
            held_now.work_item_key = last_changes.work_item_key
            and held_now.field = last_changes.field

    left join next_changes
        on
            held_now.work_item_key = next_changes.work_item_key
            and held_now.field = next_changes.field

)

select * from final
