{#- A field that names another record: from whom to whom, and what it says. -#}
{%- set fields = {
    'caused_by': 'caused_by',
    'problem_id': 'caused_by',
    'duplicate_of': 'duplicates',
    'rfc': 'fixes'
} -%}

with

tasks as (

    select * from {{ ref('stg_servicenow__tasks') }}

),

records as (

    select * from {{ ref('int_servicenow_records') }}

),

audits as (

    select * from {{ ref('stg_servicenow__audits') }}
    where
        field in (
            '{{ fields | join("', '") }}',
            'correlation_id'
        )
        and changed_at <= {{ as_of() }}

),

changes as (

    select
        *,
        row_number() over in_order as change_no,
        lead(changed_at) over in_order as next_at

    from audits

    window in_order as (
        partition by work_item_key, field
        order by changed_at, update_no, audit_id
    )

),

named_now as (

    {%- for field in (fields | list) + ['correlation_id'] %}

        select
            work_item_key,
            '{{ field }}' as field,
            {{ field }} as value

        from tasks

        where {{ field }} is not null
        {% if not loop.last %}
            union all
        {%- endif %}
    {%- endfor %}

),

spans as (

    select
        work_item_key,
        field,
        to_value as value,
        changed_at as valid_from,
        next_at as valid_to

    from changes

    union all

    -- What a field held before its first change, it held from the start.
    select
        work_item_key,
        field,
        from_value as value,
        cast(null as timestamp) as valid_from,
        changed_at as valid_to

    from changes

    where change_no = 1

    union all

    select
        named_now.work_item_key,
        named_now.field,
        named_now.value,
        cast(null as timestamp) as valid_from,
        cast(null as timestamp) as valid_to

    from named_now

    where
        not exists (
            select 1 from changes
            where
                changes.work_item_key = named_now.work_item_key
                and changes.field = named_now.field
        )

),

-- A sys_id is that of one record; of one that changed its class, the newest counts.
targets as (

    select
        source_id,
        work_item_key

    from (
        select
            source_id,
            work_item_key,
            row_number() over (
                partition by source_id
                order by updated_at desc, work_item_key
            ) as row_num

        from records
    ) as placed

    where row_num = 1

),

references_of as (

    select
        spans.work_item_key,
        spans.field,
        targets.work_item_key as named_key,
        cast(null as varchar) as to_item_key,
        spans.valid_from,
        spans.valid_to

    from spans

    inner join targets
        on spans.value = targets.source_id

    where spans.field <> 'correlation_id'

),

-- A correlation id may name an item of another tool by the key that people see.
correlations as (

    select
        work_item_key,
        field,
        cast(null as varchar) as named_key,
        value as to_item_key,
        valid_from,
        valid_to

    from spans

    where field = 'correlation_id' and value is not null

),

unioned as (

    select * from references_of
    union all
    select * from correlations

),

final as (

    select
        'servicenow:' || unioned.field || ':' || unioned.work_item_key || ':'
        || coalesce(unioned.named_key, unioned.to_item_key) || ':'
        || coalesce(cast(unioned.valid_from as varchar), 'always') as source_link_id,
        case when unioned.field = 'rfc' then unioned.named_key else unioned.work_item_key end
            as from_key,
        case when unioned.field = 'rfc' then unioned.work_item_key else unioned.named_key end
            as to_key,
        unioned.to_item_key,
        case unioned.field
            {%- for field, link_type in fields.items() %}
                when '{{ field }}' then '{{ link_type }}'
            {%- endfor %}
            else 'relates'
        end as link_type,
        'servicenow_' || unioned.field as method,
        cast(case when unioned.field = 'correlation_id' then 0.8 else 1 end as double)
            as confidence,
        unioned.valid_from,
        unioned.valid_to

    from unioned

    -- Tasks below an item are not items; their links are not those of the item.
    inner join records
        on unioned.work_item_key = records.work_item_key

    where
        coalesce(unioned.valid_from <> unioned.valid_to, true)
        and coalesce(unioned.named_key <> unioned.work_item_key, true)

)

select * from final
