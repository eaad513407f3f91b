{#- What says where a defect was found begins so: "found-in-production", "detected: test". -#}
with

unioned as (

    select
        work_item_key,
        'jira' as source_system,
        'field' as method,
        lower(detected_in) as said,
        true as is_scoped
    from {{ ref('stg_jira__issues') }}
    where detected_in is not null

    union all

    select
        work_item_key,
        'jira' as source_system,
        'label' as method,
        label as said,
        label like 'found%' or label like 'detected%' as is_scoped
    from {{ ref('stg_jira__issue_labels') }}

    union all

    select
        work_item_key,
        'github' as source_system,
        'label' as method,
        label_value as said,
        label_scope in ('found', 'detected') as is_scoped
    from {{ ref('stg_github__issue_labels') }}

    union all

    select
        work_item_key,
        'gitlab' as source_system,
        'label' as method,
        label_value as said,
        true as is_scoped
    from {{ ref('stg_gitlab__issue_labels') }}
    where label_scope in ('found', 'detected')

),

texts as (

    select
        *,
        ' ' || translate(said, '-_/.:0123456789', '               ') || ' ' as words

    from unioned

    group by 1, 2, 3, 4, 5

),

-- What the company says of a name comes first; only who says where it was found is read by words.
matched as (

    select
        texts.work_item_key,
        texts.method,
        texts.said,
        environments.environment_key,
        environments.is_production,
        row_number() over (
            partition by texts.work_item_key, texts.method, texts.said
            order by length(environments.pattern) desc, environments.pattern
        ) as row_num

    from texts

    inner join {{ ref('environments') }} as environments
        on
            texts.source_system = environments.source_system
            and texts.said like environments.pattern

),

worded as (

    select
        texts.work_item_key,
        texts.method,
        texts.said,
        names.environment_key,
        names.is_production,
        row_number() over (
            partition by texts.work_item_key, texts.method, texts.said
            order by names.is_production, names.word
        ) as row_num

    from texts

    inner join {{ ref('environment_names') }} as names
        on texts.words like '% ' || names.word || ' %'

    where texts.is_scoped

),

meant as (

    select
        texts.work_item_key,
        texts.method,
        coalesce(matched.environment_key, worded.environment_key) as environment_key,
        coalesce(matched.is_production, worded.is_production) as is_production

    from texts

    left join matched
        on
            texts.work_item_key = matched.work_item_key
            and texts.method = matched.method
            and texts.said = matched.said
            and matched.row_num = 1

    left join worded
        on
            texts.work_item_key = worded.work_item_key
            and texts.method = worded.method
            and texts.said = worded.said
            and worded.row_num = 1

),

-- A field says more than labels; of several the one that says that it came to production.
final as (

    select
        work_item_key,
        method,
        environment_key,
        is_production

    from (
        select
            *,
            row_number() over (
                partition by work_item_key
                order by
                    case method when 'field' then 1 else 2 end,
                    is_production desc,
                    environment_key
            ) as row_num
        from meant
        where environment_key is not null
    ) as placed

    where row_num = 1

)

select * from final
