with

source as (

    select
        sha256,
        {{ parse_json('payload', {
            'value_stream_key': 'VARCHAR',
            'month_start': 'VARCHAR',
            'currency': 'VARCHAR',
            'budget': 'DOUBLE',
            'spend': 'DOUBLE',
            'revenue': 'DOUBLE'
        }) }} as payload

    from {{ source('feeds', 'stream_financials') }}

),

-- What was taken out of a file is in none that is there now.
files as (

    select sha256 from {{ source('feeds', 'files') }}
    where feed = 'stream_financials'

),

renamed as (

    select
        source.payload.value_stream_key || '|' || source.payload.month_start || '|'
        || source.payload.currency as stream_financial_key,
        source.payload.value_stream_key as value_stream_key,
        cast(source.payload.month_start as date) as month_start,
        source.payload.currency as currency,
        source.payload.budget as budget,
        source.payload.spend as spend,
        source.payload.revenue as revenue

    from source

    inner join files on source.sha256 = files.sha256

)

select * from renamed
